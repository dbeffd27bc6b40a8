"""Update rules from scratch, each a pure function of one tensor; also the descent loop, back-propagation and closed forms."""
