"""What a user of scores notices: alarms that come late, alarms on quiet cameras, events that nothing points to."""
