"""Addresses of the airlock."""

from django.urls import path

from lockgate.portal.airlock import views

app_name = "airlock"
urlpatterns = [
    path("", views.index, name="list"),
    path("<slug:reference>/", views.detail, name="detail"),
    path("<slug:reference>/repair/", views.repair, name="repair"),
    path("<slug:reference>/withdraw/", views.withdraw, name="withdraw"),
    path("<slug:reference>/<int:number>/<str:name>.svg", views.chart, name="chart"),
]
