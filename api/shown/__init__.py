"""Jobs as they are shown: the JSON of the interface, and views kept while Redis holds the same."""

from api.shown import views
from api.shown.schemas import Accepted, JobList, JobView, artifacts_of, file_of, view_job
from api.shown.views import Views

__all__ = ["Accepted", "JobList", "JobView", "Views", "artifacts_of", "file_of", "view_job", "views"]
