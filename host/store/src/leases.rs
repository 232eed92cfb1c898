//! One run of a tenant at a time: a lease by the database's clock, with a fence that grows.

use crate::database::{Store, Write};
use crate::error::StoreError;
use sqlx::Row;
use std::time::Duration;

/// The right to run a tenant. Whoever commits must still hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose.
    pub tenant: i64,
    /// The run that holds it.
    pub run: i64,
    /// Its number: a later holder has a greater one.
    pub fence: i64,
}

impl Lease {
    /// How long a lease lasts without being renewed. A run that died is taken over after this.
    pub const LENGTH: Duration = Duration::from_secs(30);
    /// How often a running run renews it: three times within its length.
    pub const RENEWAL: Duration = Duration::from_secs(10);
}

fn length() -> i64 {
    i64::try_from(Lease::LENGTH.as_millis()).unwrap_or(i64::MAX)
}

impl Store {
    pub(crate) async fn take_lease(write: &mut Write, tenant: i64, run: i64) -> Result<Lease, StoreError> {
        let now = Self::database_time(write).await?;
        let row = write
            .query(
                "INSERT INTO leases (tenant, fence, run, expires_at) VALUES ($1, 1, $2, $3)
             ON CONFLICT (tenant) DO UPDATE SET fence = leases.fence + 1, run = EXCLUDED.run,
                 expires_at = EXCLUDED.expires_at
             WHERE leases.run IS NULL OR leases.expires_at <= $4
             RETURNING fence",
            )
            .bind(tenant)
            .bind(run)
            .bind(now + length())
            .bind(now)
            .fetch_optional(&mut **write)
            .await?;
        if let Some(row) = row {
            return Ok(Lease { tenant, run, fence: row.try_get(0)? });
        }
        let row = write
            .query("SELECT run, expires_at FROM leases WHERE tenant = $1")
            .bind(tenant)
            .fetch_one(&mut **write)
            .await?;
        Err(StoreError::AlreadyRunning { run: row.try_get(0)?, until: row.try_get(1)? })
    }

    /// Makes the lease last again. [`StoreError::LeaseLost`] where somebody else has it by now.
    pub async fn renew_lease(&self, lease: Lease) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let now = Self::database_time(&mut write).await?;
        let renewed = self
            .query("UPDATE leases SET expires_at = $1 WHERE tenant = $2 AND fence = $3 AND run = $4")
            .bind(now + length())
            .bind(lease.tenant)
            .bind(lease.fence)
            .bind(lease.run)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        if renewed.rows_affected() == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
    }

    /// Checks within a transaction that the lease is still held, and keeps others from taking it until the end.
    pub(crate) async fn hold_lease(write: &mut Write, lease: Lease) -> Result<(), StoreError> {
        let held = write
            .query("UPDATE leases SET expires_at = expires_at WHERE tenant = $1 AND fence = $2 AND run = $3")
            .bind(lease.tenant)
            .bind(lease.fence)
            .bind(lease.run)
            .execute(&mut **write)
            .await?;
        if held.rows_affected() == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
    }

    /// Refuses while a run of the tenant is going on: what it stands on must not be taken away from under it.
    pub(crate) async fn nobody_runs(write: &mut Write, tenant: i64) -> Result<(), StoreError> {
        let now = Self::database_time(write).await?;
        let row = write.query(
            "SELECT run, expires_at FROM leases WHERE tenant = $1 AND run IS NOT NULL AND expires_at > $2",
        )
        .bind(tenant)
        .bind(now)
        .fetch_optional(&mut **write)
        .await?;
        match row {
            None => Ok(()),
            Some(row) => Err(StoreError::AlreadyRunning { run: row.try_get(0)?, until: row.try_get(1)? }),
        }
    }

    pub(crate) async fn free_lease(write: &mut Write, lease: Lease) -> Result<(), StoreError> {
        write
            .query("UPDATE leases SET run = NULL WHERE tenant = $1 AND fence = $2 AND run = $3")
            .bind(lease.tenant)
            .bind(lease.fence)
            .bind(lease.run)
            .execute(&mut **write)
            .await?;
        Ok(())
    }
}
