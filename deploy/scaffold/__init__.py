"""`make new-service NAME=loyalty`: a service from the template, itself one that the checks read like any other."""
