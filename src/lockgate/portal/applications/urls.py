"""Addresses of applications."""

from django.urls import path

from lockgate.portal.applications import views

app_name = "applications"
urlpatterns = [
    path("", views.index, name="list"),
    path("new/", views.new, name="new"),
    path("<str:reference>/", views.detail, name="detail"),
    path("<str:reference>/check/", views.check_answers, name="check"),
    path("<str:reference>/submitted/", views.submitted, name="submitted"),
    path("<str:reference>/decide/", views.decide, name="decide"),
    path("<str:reference>/advise/", views.advise, name="advise"),
    path("<str:reference>/withdraw/", views.withdraw, name="withdraw"),
    path("<str:reference>/revoke/", views.revoke, name="revoke"),
    path("<str:reference>/export.pdf", views.export_pdf, name="export_pdf"),
    path("<str:reference>/export.json", views.export, name="export"),
    path("<str:reference>/section/<slug:key>/", views.section, name="section"),
]
