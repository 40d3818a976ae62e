//! What the host measures, read back from its metrics, so that a page and `/metrics` say the same.

use super::state::State;

/// What was measured when this was made.
pub(super) struct Measured(Vec<Sample>);

struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Sample {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }
}

impl Measured {
    /// What is measured now under names that begin with `prefix`.
    pub(super) fn now(state: &State, prefix: &str) -> Measured {
        Measured::read(&state.metrics.render(), prefix)
    }

    fn read(text: &str, prefix: &str) -> Measured {
        Measured(text.lines().filter(|line| line.starts_with(prefix)).filter_map(sample).collect())
    }

    /// The sum of a metric's values by one of its labels, in the order of the label's values.
    pub(super) fn by(&self, name: &str, label: &str) -> Vec<(String, f64)> {
        let mut sums = std::collections::BTreeMap::<&str, f64>::new();
        for sample in self.0.iter().filter(|sample| sample.name == name) {
            if let Some(value) = sample.label(label) {
                *sums.entry(value).or_default() += sample.value;
            }
        }
        sums.into_iter().map(|(value, sum)| (value.to_owned(), sum)).collect()
    }
}

/// A line of the text format of metrics: `name{label="value",…} number`.
fn sample(line: &str) -> Option<Sample> {
    let (what, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let Some((name, labels)) = what.split_once('{') else {
        return Some(Sample { name: what.to_owned(), labels: Vec::new(), value });
    };
    let mut rest = labels.strip_suffix('}')?;
    let mut found = Vec::new();
    while let Some((label, quoted)) = rest.split_once("=\"") {
        let mut text = String::new();
        let mut chars = quoted.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => text.push(match chars.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => text.push(other),
            }
        };
        found.push((label.trim_start_matches(',').to_owned(), text));
        rest = &quoted[end + 1..];
    }
    Some(Sample { name: name.to_owned(), labels: found, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_recorder_writes_is_read_back() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            metrics::gauge!("pool_taken", "pool" => "a").set(2.0);
            metrics::gauge!("pool_taken", "pool" => "b \"c\\, d=\"").set(0.5);
            for (function, plugin) in [("send", "x"), ("poll", "x"), ("send", "y")] {
                metrics::counter!("pool_calls", "function" => function, "plugin" => plugin).increment(3);
            }
            metrics::counter!("other_calls", "pool" => "a").increment(1);
        });
        let measured = Measured::read(&recorder.handle().render(), "pool_");
        let taken = [("a".to_owned(), 2.0), ("b \"c\\, d=\"".to_owned(), 0.5)];
        assert_eq!(measured.by("pool_taken", "pool"), taken);
        assert_eq!(measured.by("pool_calls", "plugin"), [("x".to_owned(), 6.0), ("y".to_owned(), 3.0)]);
        assert!(measured.by("other_calls", "pool").is_empty());
    }
}
