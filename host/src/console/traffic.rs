//! Messages in and out of a day, as a chart on a channel's page and in the list of channels.

use maud::{Markup, html};

use super::layout::icon;
use super::reader::Reader;
use super::sparkline::sparkline;
use super::time;
use crate::model::shown::traffic::{Traffic, TrafficHour};

fn series(traffic: &Traffic, of: impl Fn(&TrafficHour) -> u64) -> Vec<u64> {
    traffic.hours.iter().map(of).collect()
}

/// The card of a channel's page.
pub(super) fn card(reader: &Reader, traffic: &Traffic) -> Markup {
    let words = &reader.look.words.traffic;
    let busiest = traffic.hours.iter().max_by_key(|hour| hour.received + hour.sent);
    let busiest = busiest.filter(|hour| hour.received + hour.sent > 0);
    html! {
        section.card aria-labelledby="traffic" {
            header.card-head {
                h2 id="traffic" { (words.title) }
                span.spark-key.push-end { (words.received) " " strong.figures { (traffic.received) } }
                span.spark-key.is-second { (words.sent) " " strong.figures { (traffic.sent) } }
            }
            div.card-body {
                @if let Some(busiest) = busiest {
                    @let said = told(&words.chart, busiest.received, busiest.sent).replace("{time}", &time::hour_of(&reader.look, &busiest.at));
                    (sparkline(&said, &series(traffic, |hour| hour.received), Some(&series(traffic, |hour| hour.sent))))
                    p.spark-axis aria-hidden="true" {
                        @for hour in traffic.hours.iter().step_by(6) { span { (time::hour_of(&reader.look, &hour.at)) } }
                        span { (words.now) }
                    }
                } @else { p.note { (words.none) } }
            }
        }
    }
}

/// The column of the list.
pub(super) fn in_list(reader: &Reader, traffic: &Traffic) -> Markup {
    let words = &reader.look.words.traffic;
    html! {
        div.channel-traffic role="img" aria-label=(told(&words.day, traffic.received, traffic.sent)) {
            span { (icon("arrow-in", "is-small")) span.figures { (traffic.received) } }
            span { (icon("arrow-out", "is-small")) span.figures { (traffic.sent) } }
            @if traffic.received + traffic.sent > 0 {
                (sparkline("", &series(traffic, |hour| hour.received), Some(&series(traffic, |hour| hour.sent))))
            }
        }
    }
}

fn told(words: &str, received: u64, sent: u64) -> String {
    words.replace("{in}", &received.to_string()).replace("{out}", &sent.to_string())
}
