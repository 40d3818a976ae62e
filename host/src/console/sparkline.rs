//! Numbers over time as a small chart: SVG without a script, with words for those who do not see it.

use std::fmt::Write as _;

use maud::{Markup, html};

/// The chart's own coordinates, which the page stretches.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 48.0;
/// Room for half of a line's width above and below.
const EDGE: f64 = 1.0;

/// A chart of a series, and of a second one beside it in the same measure. `words` say what it shows; empty: they stand beside it.
pub(super) fn sparkline(words: &str, first: &[u64], second: Option<&[u64]>) -> Markup {
    let most = first.iter().chain(second.unwrap_or_default()).copied().max().unwrap_or(0);
    let line = path(first, most);
    let area = format!("{line}L{WIDTH} {HEIGHT}L0 {HEIGHT}z");
    html! {
        svg.sparkline viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none"
            role=[(!words.is_empty()).then_some("img")] aria-label=[(!words.is_empty()).then_some(words)] aria-hidden=[words.is_empty().then_some("true")] {
            @if first.len() > 1 { path.spark-area d=(area) {} }
            line.spark-base x1="0" y1=(HEIGHT) x2=(WIDTH) y2=(HEIGHT) {}
            @if let Some(second) = second { path.spark-second d=(path(second, most)) {} }
            path.spark-line d=(line) {}
        }
    }
}

/// A line through the values, from the left edge to the right one.
fn path(values: &[u64], most: u64) -> String {
    let step = WIDTH / (values.len().max(2) - 1) as f64;
    let mut line = String::new();
    for (at, value) in values.iter().enumerate() {
        let part = if most == 0 { 0.0 } else { *value as f64 / most as f64 };
        let (x, y) = (step * at as f64, (HEIGHT - EDGE) - part * (HEIGHT - 2.0 * EDGE));
        let _ = write!(line, "{}{x:.1} {y:.1}", if at == 0 { 'M' } else { 'L' });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_from_edge_to_edge_and_the_most_is_at_the_top() {
        assert_eq!(path(&[0, 4, 2], 4), "M0.0 47.0L120.0 1.0L240.0 24.0");
        assert_eq!(path(&[0, 0], 0), "M0.0 47.0L240.0 47.0");
        assert_eq!(path(&[], 0), "");
        let chart = sparkline("most at <nine>", &[1, 2], Some(&[4, 0])).into_string();
        assert!(chart.contains("aria-label=\"most at &lt;nine&gt;\"") && chart.contains("role=\"img\""), "{chart}");
        assert!(chart.contains("d=\"M0.0 35.5L240.0 24.0\"") && chart.contains("d=\"M0.0 1.0L240.0 47.0\""), "{chart}");
        assert!(!chart.contains("style=") && !chart.contains("<script"));
        assert!(sparkline("", &[1, 2], None).into_string().contains("aria-hidden=\"true\""));
    }
}
