"""From the composed configs of a command to finished records: check, plan, launch, watch, sum up. Never imports torch."""
