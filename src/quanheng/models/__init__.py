"""The models wing: models, endpoints, banks of questions, answers."""
