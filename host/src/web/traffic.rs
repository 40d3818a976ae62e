//! Messages in and out of channels: what the API and the pages show alike.

use std::collections::HashMap;

use super::caller::Caller;
use super::problem::Answer;
use super::state::State;
use crate::auth::Role;
use crate::db::HourRow;
use crate::model::shown::traffic::{Traffic, TrafficHour};
use crate::model::time::{HOUR, rfc3339};

/// Hours that are shown.
const HOURS: i64 = 24;

/// The last 24 hours of these channels of the caller's workspace, by channel.
///
/// # Errors
/// 403 below the role agent.
pub async fn of(state: &State, caller: &Caller, channels: Vec<String>) -> Answer<HashMap<String, Traffic>> {
    caller.at_least(Role::Agent)?;
    let first = state.clock.now().div_euclid(HOUR) - HOURS + 1;
    let found = state.db.traffic(&caller.workspace, channels, first).await?;
    Ok(found.into_iter().map(|(channel, rows)| (channel, shown(first, &rows))).collect())
}

/// The hours from `first` on, those without messages included.
fn shown(first: i64, rows: &[HourRow]) -> Traffic {
    let hour = |hour: i64| {
        let row = rows.iter().find(|row| row.hour == hour);
        let (received, sent) = row.map_or((0, 0), |row| (row.received, row.sent));
        TrafficHour { at: rfc3339(hour * HOUR), received, sent }
    };
    let hours: Vec<TrafficHour> = (first..first + HOURS).map(hour).collect();
    Traffic {
        received: hours.iter().map(|hour| hour.received).sum(),
        sent: hours.iter().map(|hour| hour.sent).sum(),
        hours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_without_messages_are_there_and_others_stand_in_their_place() {
        let rows = [HourRow { hour: 101, received: 2, sent: 1 }, HourRow { hour: 123, received: 5, sent: 0 }];
        let traffic = shown(100, &rows);
        assert_eq!((traffic.hours.len(), traffic.received, traffic.sent), (24, 7, 1));
        let counts: Vec<_> = traffic.hours.iter().map(|hour| hour.received).collect();
        assert_eq!((counts[0], counts[1], counts[23]), (0, 2, 5));
        assert_eq!(traffic.hours[0].at, rfc3339(100 * HOUR));
    }
}
