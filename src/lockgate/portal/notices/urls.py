"""Addresses of notices."""

from django.urls import path

from lockgate.portal.notices import views

app_name = "notices"
urlpatterns = [
    path("", views.index, name="list"),
    path("read/", views.read, name="read"),
    path("settings/", views.settings, name="settings"),
]
