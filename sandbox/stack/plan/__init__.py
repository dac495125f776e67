"""What was asked for, and what is to run: options, ports, and what each part is told in files, keys and flags."""
