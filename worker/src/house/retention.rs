//! Removing tasks that finished long ago: first the tasks, a few at a time, then their logs, some rows at a time.

use tracing::info;

use super::{Done, Held, HouseError, Housekeeper};

pub(super) async fn run(house: &Housekeeper, held: &mut Held<'_>) -> Result<Done, HouseError> {
    let options = &house.options;
    let mut done = Done::default();
    loop {
        let tasks = if options.retention_ms == 0 {
            0
        } else {
            let at_most = options.tasks_at_once.max(1);
            house.store.retire(options.retention_ms, at_most).await?
        };
        // Logs may be left over from before retention was turned off.
        let rows = house.store.purge(options.rows_at_once.max(1)).await?;
        done.tasks += tasks;
        done.rows += rows;
        if tasks == 0 && rows == 0 {
            break;
        }
        if !held.go_on(None).await? {
            break;
        }
    }
    if done.tasks > 0 {
        info!(
            tasks = done.tasks,
            rows = done.rows,
            "tasks that finished long ago were removed"
        );
    }
    Ok(done)
}
