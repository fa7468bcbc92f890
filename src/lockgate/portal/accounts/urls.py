"""Addresses of people."""

from django.urls import path

from lockgate.portal.accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.people, name="people"),
    path("new/", views.new_person, name="new"),
    path("second-factor/", views.second_factor, name="second_factor"),
    path("interests/", views.interests, name="interests"),
    path("<str:username>/", views.person, name="person"),
]
