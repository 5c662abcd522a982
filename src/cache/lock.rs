//! One run at a time: [`Lock`], an operating-system lock, so that a dead holder never blocks.

use super::{Cache, make};
use crate::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};

/// Held while a run writes to the cache.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "dropping it releases the lock")] File);

impl Cache {
    /// Takes the lock, or says who holds it.
    pub fn lock(&self) -> Result<Lock> {
        make(&self.root)?;
        let path = self.root.join("lock");
        let failed = |error: std::io::Error| Error::io("lock", &path, &error);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(failed)?;
                let message = format!("another run ({}) holds {}", holder.trim(), self.root.display());
                return Err(Error::Locked { message });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "process {}", std::process::id()).map_err(failed)?;
        Ok(Lock(file))
    }
}
