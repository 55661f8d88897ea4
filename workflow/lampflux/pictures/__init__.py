"""Pictures of every product."""
