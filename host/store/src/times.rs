//! The times that runs have left behind, and the database's own: what a host's clock is held against before anything is done by it.

use crate::database::Store;
use crate::error::StoreError;
use sqlx::Row;
use std::time::Duration;

/// How far a host's clock may be from the database's. Grace is counted in days, and clocks that nobody keeps in step differ by minutes.
const APART: Duration = Duration::from_secs(24 * 60 * 60);

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// More than so many days between two runs are a leap: hosts run daily or more often, and clocks that fail are off by years. Who would be
/// deleted by what passed meanwhile is looked at first.
pub const LEAP_DAYS: i64 = 60;
/// For how many days after a leap a clock may still turn out to be wrong. Runs that are applied meanwhile don't make it right.
pub(crate) const DOUBT_DAYS: i64 = 7;

impl Store {
    /// Refuses a time that is more than a day from the database's own. On SQLite both are told by one machine, so that they always agree.
    pub async fn agrees_on_time(&self, now: i64) -> Result<(), StoreError> {
        let row = sqlx::query(Self::time_sql(self.engine())).fetch_one(self.pool()).await?;
        let database: i64 = row.try_get(0)?;
        if u128::from(now.abs_diff(database)) <= APART.as_millis() {
            return Ok(());
        }
        Err(StoreError::Clock { here: now, database })
    }

    /// The time that the tenant's last run carries, in milliseconds since 1970; none before the first one.
    pub async fn last_time(&self, tenant: i64) -> Result<Option<i64>, StoreError> {
        let row = self
            .query(
                "SELECT COALESCE(finished_at, started_at) FROM runs WHERE tenant = $1 ORDER BY id DESC LIMIT 1",
            )
            .bind(tenant)
            .fetch_optional(self.pool())
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// The days of a leap that lies so near that the clock may be wrong: between two changes of the directory, or between the last one and now.
    pub async fn leap(&self, tenant: i64, now: i64) -> Result<Option<i64>, StoreError> {
        let row = self
            .query(
                "SELECT COALESCE(MAX(pause), 0) FROM (
                     SELECT at, at - LAG(at) OVER (ORDER BY nr) AS pause FROM (
                         SELECT r.change AS nr, r.finished_at AS at FROM runs r WHERE r.tenant = $1 AND r.change IS NOT NULL
                         UNION ALL SELECT 9223372036854775807, $2) moments) pauses
                 WHERE at >= $3 AND at <= $2",
            )
            .bind(tenant)
            .bind(now)
            .bind(now - DOUBT_DAYS * DAY_MS)
            .fetch_one(self.pool())
            .await?;
        let days = row.try_get::<i64, _>(0)? / DAY_MS;
        Ok((days > LEAP_DAYS).then_some(days))
    }

    /// The longest time that passed without a run of this connection being applied: from when the first of those left who left at `left_by`
    /// or before, until now. In milliseconds; 0 where nobody left.
    pub async fn longest_pause(
        &self,
        tenant: i64,
        connection: i64,
        left_by: i64,
        now: i64,
    ) -> Result<i64, StoreError> {
        let row = self
            .query(
                "SELECT COALESCE(MAX(pause), 0) FROM (
                     SELECT at - LAG(at) OVER (ORDER BY nr) AS pause FROM (
                         SELECT r.id AS nr, r.finished_at AS at FROM runs r
                         WHERE r.tenant = $1 AND r.connection = $2 AND r.applied = 1 AND r.finished_at >= (
                             SELECT MIN(l.left_at) FROM user_links l
                             WHERE l.tenant = $1 AND l.connection = $2 AND l.left_at <= $3)
                         UNION ALL SELECT 9223372036854775807, $4) moments) pauses",
            )
            .bind(tenant)
            .bind(connection)
            .bind(left_by)
            .bind(now)
            .fetch_one(self.pool())
            .await?;
        Ok(row.try_get(0)?)
    }
}
