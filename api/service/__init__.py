"""What the routes share, made once an application."""

from api.service.service import Service, service_of

__all__ = ["Service", "service_of"]
