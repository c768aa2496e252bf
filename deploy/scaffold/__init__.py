"""`make new-service NAME=loyalty`: a service from the template, itself a service that the checks read like any other."""
