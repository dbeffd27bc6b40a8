"""Update rules from scratch, each a pure function of one tensor; the loop, back-propagation and closed forms beside them."""
