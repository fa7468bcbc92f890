"""Addresses of projects and jobs."""

from django.urls import path

from lockgate.portal.airlock.views import request_release
from lockgate.portal.workspaces import twins, views

app_name = "workspaces"
urlpatterns = [
    path("", views.index, name="list"),
    path("<slug:slug>/", views.detail, name="project"),
    path("<slug:slug>/data/", views.dictionary, name="dictionary"),
    path("<slug:slug>/twin/", twins.page, name="twin"),
    path("<slug:slug>/twin/make/", twins.make, name="twin_make"),
    path("<slug:slug>/twin/download/", twins.download, name="twin_download"),
    path("<slug:slug>/provision/", views.provision, name="provision"),
    path("<slug:slug>/jobs/new/", views.new_job, name="new_job"),
    path("<slug:slug>/jobs/<uuid:key>/", views.job, name="job"),
    path("<slug:slug>/jobs/<uuid:key>/cancel/", views.cancel, name="cancel_job"),
    path("<slug:slug>/jobs/<uuid:key>/state/", views.job_state, name="job_state"),
    path("<slug:slug>/jobs/<uuid:key>/release/", request_release, name="request_release"),
]
