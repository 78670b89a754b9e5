//! `BeginBackup` and `EndBackup`.

use crate::{
    api::grpc::{convert::timestamp, parse, refusal::Refusal},
    broker::Handle,
    proto::v1,
    types::{BackupId, BackupPlan, Millis, Rejection, Unit, in_range, limits},
};

/// Answers once the files can be copied.
pub(super) async fn begin(
    broker: &Handle,
    request: v1::BeginBackupRequest,
) -> Result<v1::BeginBackupResponse, Refusal> {
    let hold = hold(request).map_err(Refusal::of_request)?;
    let plan = broker.begin_backup(hold).await.map_err(Refusal::of_request)?;
    let BackupPlan { id, lsn, last_frame_crc, checkpoint_lsn, files, until } = plan;
    Ok(v1::BeginBackupResponse {
        backup_id: id.get(),
        // A path that is no text is found by nobody, who is told so.
        data_directory: broker.data_dir().to_string_lossy().into_owned(),
        lsn: lsn.get(),
        last_frame_crc,
        checkpoint_lsn: checkpoint_lsn.get(),
        files,
        expires_at: Some(timestamp(until)),
    })
}

/// Lets go of the files.
pub(super) async fn end(
    broker: &Handle,
    request: v1::EndBackupRequest,
) -> Result<v1::EndBackupResponse, Refusal> {
    let backup = BackupId::new(request.backup_id);
    broker.end_backup(backup).await.map_err(Refusal::of_request)?;
    Ok(v1::EndBackupResponse {})
}

fn hold(request: v1::BeginBackupRequest) -> Result<Millis, Rejection> {
    let Some(given) = request.hold else { return Ok(limits::BACKUP_HOLD_DEFAULT) };
    let hold = parse::duration("hold", given)?;
    let (min, max) = (limits::BACKUP_HOLD_MIN.get(), limits::BACKUP_HOLD_MAX.get());
    in_range("hold", hold.get(), min, max, Unit::Millis)?;
    Ok(hold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_has_limits_and_a_default() {
        let of = |seconds| {
            let hold = Some(prost_types::Duration { seconds, nanos: 0 });
            super::hold(v1::BeginBackupRequest { hold }).ok()
        };
        let unset = super::hold(v1::BeginBackupRequest { hold: None });
        assert_eq!(unset, Ok(Millis::from_secs(3600)));
        assert_eq!(
            (of(1), of(86_400)),
            (Some(Millis::from_secs(1)), Some(limits::BACKUP_HOLD_MAX))
        );
        assert_eq!([of(0), of(86_401), of(-1)], [None; 3]);
    }
}
