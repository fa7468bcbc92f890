-- That a person used a device, and when. Which one stands at the Device.
SELECT source, 'DeviceUseStatement/' || record_id AS record_id, version_at, r.status = 'entered-in-error' AS deleted, item_hash, batch_id,
    ref(r.subject, 'Patient') AS patient_ref,
    ref(r.device, 'Device') AS device_ref,
    r.device.display AS display,
    r.status AS status,
    ts(coalesce(r.timingDateTime, r.timingPeriod.start, r.timingTiming.event[1], r.timingTiming.repeat.boundsPeriod.start, r.recordedOn)) AS start_at,
    ts(coalesce(r.timingDateTime, r.timingPeriod.end, r.timingTiming.repeat.boundsPeriod.end)) AS end_at
FROM item
