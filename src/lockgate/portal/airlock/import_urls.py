"""Addresses of what comes in."""

from django.urls import path

from lockgate.portal.airlock import import_views as views

app_name = "imports"
urlpatterns = [
    path("", views.index, name="list"),
    path("new/<slug:slug>/", views.new, name="new"),
    path("<slug:reference>/", views.detail, name="detail"),
    path("<slug:reference>/withdraw/", views.withdraw, name="withdraw"),
]
