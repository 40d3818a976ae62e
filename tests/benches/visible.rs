//! How long it takes from a webhook's arrival until its message is on the feed, at half of the load that the server can take.
//! Run with `cargo bench -p sambung-tests --bench visible`.

use std::process::ExitCode;

use sambung_tests::bench::load::{Load, Report, What};
use sambung_tests::bench::servers::Sambung;
use sambung_tests::bench::table::{head, median, row};
use sambung_tests::bench::{self, amount};

const ROUNDS: usize = 3;
/// Webhooks in a round that finds the peak, and in one that measures the delay.
const WEBHOOKS: usize = 24_000;

fn main() -> ExitCode {
    bench::main(measure)
}

async fn measure() {
    let mut load = Load::start();
    let sambung = Sambung::start("").await;
    let mut peaks = Vec::new();
    for _ in 0..ROUNDS {
        let report = load.webhooks(sambung.address(), &sambung.hook, amount(WEBHOOKS)).await;
        sambung.drained().await;
        peaks.push(report.count as f64 / report.since());
    }
    let half = median(&peaks) / 2.0;
    head("from a webhook to its message on the feed", &["a second", "median ms", "p99 ms", "longest ms"]);
    for round in 1..=ROUNDS {
        let report = delay(&mut load, &sambung, half).await;
        let ms = |micros: u32| format!("{:.1}", f64::from(micros) / 1e3);
        let columns = [format!("{:.0}", report.rate()), ms(report.median), ms(report.p99), ms(report.longest)];
        row(&format!("at half of the peak, round {round}"), &columns);
    }
}

async fn delay(load: &mut Load, sambung: &Sambung, per_second: f64) -> Report {
    let count = amount(WEBHOOKS);
    let what = What::Visible {
        path: sambung.hook.clone(),
        first: load.number(count),
        count,
        per_second,
        token: sambung.server.api().token().to_owned(),
    };
    load.run(sambung.address(), what).await
}
