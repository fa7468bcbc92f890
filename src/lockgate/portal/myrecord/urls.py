"""Addresses of the patients' pages."""

from django.urls import path

from lockgate.portal.myrecord import views

app_name = "myrecord"
urlpatterns = [
    path("", views.enter, name="enter"),
    path("object/", views.object_to, name="object"),
]
