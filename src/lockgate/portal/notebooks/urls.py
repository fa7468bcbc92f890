"""Addresses of notebooks."""

from django.urls import path

from lockgate.portal.notebooks import views

app_name = "notebooks"
urlpatterns = [
    path("", views.index, name="list"),
    path("<uuid:key>/stop/", views.stop, name="stop"),
    path("of/<slug:slug>/", views.detail, name="project"),
    path("of/<slug:slug>/state/", views.state, name="state"),
    path("of/<slug:slug>/start/", views.start, name="start"),
    path("of/<slug:slug>/view/", views.view, name="view"),
]
