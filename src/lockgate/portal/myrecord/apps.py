"""The app of the patients' page. It keeps nothing: codes and objections are the data plane's."""

from django.apps import AppConfig


class MyRecordConfig(AppConfig):
    """How my record was used."""

    name = "lockgate.portal.myrecord"
    label = "myrecord"
