"""The processes: started, watched, restarted, stopped."""
