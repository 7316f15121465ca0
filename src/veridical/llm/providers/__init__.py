"""Who answers: a file per kind of server."""
