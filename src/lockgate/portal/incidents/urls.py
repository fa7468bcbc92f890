"""Addresses of incidents."""

from django.urls import path

from lockgate.portal.incidents import views

app_name = "incidents"
urlpatterns = [
    path("", views.index, name="list"),
    path("new/", views.new, name="new"),
    path("published/", views.published, name="published"),
    path("<slug:reference>/", views.detail, name="detail"),
]
