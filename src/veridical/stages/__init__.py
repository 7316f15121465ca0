"""The storeys a user walks through: learn, model, synthesize, validate, release."""
