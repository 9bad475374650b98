"""Queues on RabbitMQ for integrators."""
