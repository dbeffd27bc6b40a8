"""Update rules as pure functions of one tensor; also the descent loop, back-propagation and closed-form solutions."""
