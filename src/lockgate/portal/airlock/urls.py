"""Addresses of the airlock."""

from django.urls import path

from lockgate.portal.airlock import trail_views, views

app_name = "airlock"
urlpatterns = [
    path("", views.index, name="list"),
    path("fares/", trail_views.fares, name="fares"),
    path("fares/chart.svg", trail_views.fares_chart, name="fares_chart"),
    path("<slug:reference>/", views.detail, name="detail"),
    path("<slug:reference>/repair/", views.repair, name="repair"),
    path("<slug:reference>/comment/", trail_views.comment, name="comment"),
    path("<slug:reference>/revise/", trail_views.revise, name="revise"),
    path("<slug:reference>/recall/", trail_views.recall, name="recall"),
    path("<slug:reference>/withdraw/", views.withdraw, name="withdraw"),
    path("<slug:reference>/<int:number>/<str:name>.svg", views.chart, name="chart"),
]
