"""Learning-rate range tests: short ordinary runs that find a rate for an optimizer on a problem."""
