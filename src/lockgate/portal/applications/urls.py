"""Addresses of applications, and of the amendment of one that is open."""

from django.urls import URLPattern, path

from lockgate.portal.applications import deciding_views, running_views, views

app_name = "applications"


def _case(prefix: str, name: str, which: str) -> list[URLPattern]:
    """The pages that an application and its open amendment both have."""
    given = {"which": which}
    return [
        path(prefix, views.detail, given, name=f"{name}detail"),
        path(f"{prefix}check/", views.check_answers, given, name=f"{name}check"),
        path(f"{prefix}decide/", deciding_views.decide, given, name=f"{name}decide"),
        path(f"{prefix}advise/", deciding_views.advise, given, name=f"{name}advise"),
        path(f"{prefix}withdraw/", views.withdraw, given, name=f"{name}withdraw"),
        path(f"{prefix}give-up/", deciding_views.give_up, given, name=f"{name}give_up"),
        path(f"{prefix}section/<slug:key>/", views.section, given, name=f"{name}section"),
        path(f"{prefix}comment/<slug:key>/", deciding_views.comment, given, name=f"{name}comment"),
    ]


urlpatterns = [
    path("", views.index, name="list"),
    path("new/", views.new, name="new"),
    *_case("<str:reference>/", "", ""),
    *_case("<str:reference>/amendment/", "amendment_", "amendment"),
    path("<str:reference>/submitted/", views.submitted, name="submitted"),
    path("<str:reference>/export.pdf", views.export_pdf, name="export_pdf"),
    path("<str:reference>/interest/", deciding_views.interest, name="interest"),
    path("<str:reference>/history/", deciding_views.history, name="history"),
    path("<str:reference>/amend/", running_views.amend, name="amend"),
    path("<str:reference>/conditions/<int:number>/", running_views.condition, name="condition"),
    path("<str:reference>/suspend/", running_views.suspend, name="suspend"),
    path("<str:reference>/resume/", running_views.resume, name="resume"),
    path("<str:reference>/revoke/", running_views.revoke, name="revoke"),
    path("<str:reference>/export.json", views.export, name="export"),
]
