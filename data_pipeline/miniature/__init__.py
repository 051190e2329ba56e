"""The generated world: small clips drawn from pure data, so that everything in them is known exactly."""
