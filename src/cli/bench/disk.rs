//! What a disk can do: a file whose blocks are there is written over.

use std::{
    io::{self, IoSlice},
    path::Path,
    time::Duration,
};

use super::load::{histogram, rate, record};
use crate::{
    clock::Stopwatch,
    disk::{Disk, RealDisk, write_all_at},
};

/// The file that is written over and over, in bytes; its blocks are there before.
const FILE_BYTES: usize = 128 << 20;
/// Bytes between two syncs of the sequential rate.
const SEQUENTIAL_BYTES: usize = 1 << 20;

/// Rates of a disk.
#[derive(Clone, Copy, Debug)]
pub struct DiskRates {
    /// How often a second one more message becomes durable.
    pub fdatasyncs_per_s: f64,
    /// What one in a hundred of those writes, each with its sync, takes at least.
    pub fdatasync_p99: Duration,
    /// Bytes a second, with an fdatasync each MiB.
    pub sequential_bytes_per_s: f64,
}

/// Measures the disk of a directory, which is made, half of the time each.
pub fn measure(directory: &Path, size: usize, time: Duration) -> io::Result<DiskRates> {
    let disk = RealDisk::new(directory)?;
    // One of a run before may be there.
    drop(disk.unlink("probe"));
    let file = disk.create("probe")?;
    let zeros = vec![0; SEQUENTIAL_BYTES];
    for at in (0..FILE_BYTES).step_by(SEQUENTIAL_BYTES) {
        write_all_at(&*file, at as u64, &mut [IoSlice::new(&zeros)])?;
    }
    file.sync_all()?;
    let writes_of = |bytes: usize| -> io::Result<(f64, Duration)> {
        let block = vec![b'x'; bytes];
        let (watch, mut took_us) = (Stopwatch::start(), histogram());
        let blocks = (FILE_BYTES / bytes) as u64;
        while watch.elapsed() < time / 2 {
            let offset = took_us.len() % blocks * bytes as u64;
            let call = Stopwatch::start();
            write_all_at(&*file, offset, &mut [IoSlice::new(&block)])?;
            file.sync_data()?;
            record(&mut took_us, call.elapsed());
        }
        let p99 = Duration::from_micros(took_us.value_at_quantile(0.99));
        Ok((rate(took_us.len(), watch.elapsed()), p99))
    };
    let (fdatasyncs_per_s, fdatasync_p99) = writes_of(size)?;
    let (sequential, _) = writes_of(SEQUENTIAL_BYTES)?;
    disk.unlink("probe")?;
    let bytes = f64::from(u32::try_from(SEQUENTIAL_BYTES).unwrap_or(u32::MAX));
    let sequential_bytes_per_s = sequential * bytes;
    Ok(DiskRates { fdatasyncs_per_s, fdatasync_p99, sequential_bytes_per_s })
}
