"""Addresses of data sets."""

from django.urls import path

from lockgate.portal.datasets import views

app_name = "datasets"
urlpatterns = [
    path("", views.index, name="list"),
    path("<slug:name>/", views.classify, name="classify"),
]
