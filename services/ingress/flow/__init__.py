"""The flows of ingress: accepting payments, looking them up, listing them, operating. They import no bus."""
