use std::fmt::{self, Write};

use super::{Report, Section, number::short};
use crate::{
    clients::Kind,
    measure::{last_receipt, processor_each},
    sides::Side,
};

/// Of one of the four panels, in pixels.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 230.0;

/// Around each panel: for the labels of its axes.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;

/// Below all panels.
const LEGEND: f64 = 36.0;

/// Colours that differ on light and on dark ground, and dashes for who sees no colours.
const STYLE: &str = "
text { font: 12px sans-serif; fill: #333 }
.grid { stroke: #ddd } .frame { stroke: #888; fill: none }
.line { fill: none; stroke-width: 2 }
.inside { stroke: #00695c; fill: #00695c } .hub { stroke: #1565c0; fill: #1565c0 }
.pushpin { stroke: #c62828; fill: #c62828 } .nchan { stroke: #6a1b9a; fill: #6a1b9a }
.bare { stroke: #757575; fill: #757575 }
.line.inside { stroke-dasharray: 7 3 } .line.pushpin { stroke-dasharray: 2 3 }
.line.nchan { stroke-dasharray: 8 3 2 3 } .line.bare { stroke-dasharray: 1 4 }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .grid { stroke: #444 } .frame { stroke: #999 }
.inside { stroke: #4db6ac; fill: #4db6ac } .hub { stroke: #64b5f6; fill: #64b5f6 }
.pushpin { stroke: #ef5350; fill: #ef5350 } .nchan { stroke: #ce93d8; fill: #ce93d8 }
.bare { stroke: #bdbdbd; fill: #bdbdbd }
}
.line { fill: none }
";

/// The name of a row, by the number of subscribers and their kind.
type RowName = fn(usize, Kind) -> String;

/// What is drawn: the rows by name, and the title of their axis.
const FIGURES: [(RowName, &str); 2] = [
    (last_receipt, "last receipt, ms"),
    (processor_each, "processor time each, µs"),
];

/// Draws cost against subscribers, for streams and WebSockets, with logarithmic axes. `None` where
/// nothing was measured that could be drawn.
pub(crate) fn svg(report: &Report, sizes: &[usize]) -> Option<String> {
    draw(report, sizes).ok().flatten()
}

fn draw(report: &Report, sizes: &[usize]) -> Result<Option<String>, fmt::Error> {
    let (panel_width, panel_height) = (LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM);
    let (width, height) = (2.0 * panel_width, 2.0 * panel_height + LEGEND);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>Cost of one message against the number of subscribers</title>\n\
         <style>{STYLE}</style>\n"
    );
    let mut drawn = Vec::new();
    for (row, (name, unit)) in FIGURES.into_iter().enumerate() {
        for (column, kind) in [Kind::Stream, Kind::WebSocket].into_iter().enumerate() {
            let lines = lines(report, sizes, |size| name(size, kind));
            let Some(panel) = Panel::around(&lines) else {
                continue;
            };
            let (x, y) = (column as f64 * panel_width, row as f64 * panel_height);
            writeln!(svg, "<g transform=\"translate({} {})\">", x + LEFT, y + TOP)?;
            panel.axes(&mut svg, &format!("one message to {kind}s: {unit}"))?;
            for (side, points) in &lines {
                panel.line(&mut svg, *side, points)?;
                if !drawn.contains(side) {
                    drawn.push(*side);
                }
            }
            svg.push_str("</g>\n");
        }
    }
    for (index, side) in drawn.iter().enumerate() {
        let (x, y) = (LEFT + index as f64 * 160.0, height - LEGEND / 2.0);
        let key = side.key();
        writeln!(
            svg,
            "<path class=\"line {key}\" d=\"M{x} {y}h28\"/><text x=\"{}\" y=\"{}\">{}</text>",
            x + 34.0,
            y + 4.0,
            side.title()
        )?;
    }
    svg.push_str("</svg>\n");
    Ok((!drawn.is_empty()).then_some(svg))
}

type Points = Vec<(f64, f64)>;

/// The figures of each side that has some, by the number of subscribers.
fn lines(report: &Report, sizes: &[usize], name: impl Fn(usize) -> String) -> Vec<(Side, Points)> {
    let points = |side| {
        let mut points: Points = sizes
            .iter()
            .filter_map(|size| {
                let figure = report.median(Section::Sweep, &name(*size), side)?;
                // Others have no logarithm.
                (figure > 0.0 && *size > 0).then_some((*size as f64, figure))
            })
            .collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        points
    };
    let sides = Side::ALL.into_iter().map(|side| (side, points(side)));
    sides.filter(|(_, points)| !points.is_empty()).collect()
}

/// The ranges of two axes.
struct Panel {
    x: (f64, f64),
    y: (f64, f64),
}

impl Panel {
    fn around(lines: &[(Side, Points)]) -> Option<Self> {
        let points = || lines.iter().flat_map(|(_, points)| points);
        let x = range(points().map(|point| point.0))?;
        let y = range(points().map(|point| point.1))?;
        Some(Self { x, y })
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let part = |value: f64, (low, high): (f64, f64)| (value / low).ln() / (high / low).ln();
        (part(x, self.x) * WIDTH, (1.0 - part(y, self.y)) * HEIGHT)
    }

    fn axes(&self, svg: &mut String, title: &str) -> fmt::Result {
        for tick in ticks(self.y) {
            let (_, y) = self.at((self.x.0, tick));
            writeln!(
                svg,
                "<path class=\"grid\" d=\"M0 {y:.1}h{WIDTH}\"/>\
                 <text x=\"-6\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                y + 4.0,
                label(tick)
            )?;
        }
        for tick in ticks(self.x) {
            let (x, _) = self.at((tick, self.y.0));
            writeln!(
                svg,
                "<path class=\"grid\" d=\"M{x:.1} 0v{HEIGHT}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                HEIGHT + 16.0,
                label(tick)
            )?;
        }
        writeln!(
            svg,
            "<rect class=\"frame\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\
             <text x=\"0\" y=\"-10\">{title}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">subscribers</text>",
            WIDTH / 2.0,
            HEIGHT + 34.0
        )
    }

    fn line(&self, svg: &mut String, side: Side, points: &Points) -> fmt::Result {
        let key = side.key();
        let points = || points.iter().map(|point| self.at(*point));
        let path: Vec<_> = points().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        writeln!(
            svg,
            "<path class=\"line {key}\" d=\"M{}\"/>",
            path.join("L")
        )?;
        for (x, y) in points() {
            writeln!(
                svg,
                "<circle class=\"{key}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
            )?;
        }
        Ok(())
    }
}

/// From one round number to another, with all values between.
fn range(values: impl Iterator<Item = f64> + Clone) -> Option<(f64, f64)> {
    let low = values.clone().reduce(f64::min)?;
    let high = values.reduce(f64::max)?;
    let low = round_numbers(low / 10.0)
        .take_while(|it| *it <= low)
        .last()?;
    let high = round_numbers(high).find(|it| *it >= high && *it > low)?;
    Some((low, high))
}

fn ticks((low, high): (f64, f64)) -> impl Iterator<Item = f64> {
    round_numbers(low)
        .filter(move |it| *it >= low)
        .take_while(move |it| *it <= high)
}

/// 1, 2, 5, 10, and so on, from somewhere below on.
fn round_numbers(from: f64) -> impl Iterator<Item = f64> {
    // The logarithm of what is drawn is a small number.
    let first = from.log10().floor() as i32;
    (first..first + 16).flat_map(|power| {
        [1, 2, 5]
            .into_iter()
            .filter_map(move |digit| format!("{digit}e{power}").parse().ok())
    })
}

/// Without what is behind the point where nothing is.
fn label(tick: f64) -> String {
    if tick >= 1.0 {
        short(tick).replace(".00", "").replace(".0", "")
    } else {
        tick.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_from_one_round_number_to_another() {
        assert_eq!(range([3.0, 40.0].into_iter()), Some((2.0, 50.0)));
        assert_eq!(
            range([1_000.0, 18_000.0].into_iter()),
            Some((1_000.0, 20_000.0))
        );
        assert_eq!(range([5.0].into_iter()), Some((5.0, 10.0)));
        assert_eq!(range(std::iter::empty()), None);
        assert_eq!(ticks((0.5, 5.0)).collect::<Vec<_>>(), [0.5, 1.0, 2.0, 5.0]);
    }

    #[test]
    fn every_side_is_a_line_of_its_points_within_the_frame() {
        let mut report = Report::default();
        assert_eq!(svg(&report, &[1_000]), None);
        let sizes = [18_000, 5_000, 1_000];
        for (side, ms) in [(Side::Hub, 4.0), (Side::Pushpin, 30.0)] {
            for (times, size) in [18.0, 5.0, 1.0].into_iter().zip(sizes) {
                let name = last_receipt(size, Kind::Stream);
                report.add(Section::Sweep, name, side, ms * times);
            }
        }
        let svg = svg(&report, &sizes).unwrap();
        assert_eq!(svg.matches("<circle ").count(), 6);
        // A line each, and a sample in the legend.
        assert_eq!(svg.matches("class=\"line hub\"").count(), 2);
        assert_eq!(svg.matches("class=\"line pushpin\"").count(), 2);
        assert!(svg.contains("one message to streams: last receipt, ms"));
        assert!(!svg.contains("one message to WebSockets"));
        let panel = Panel {
            x: (1_000.0, 20_000.0),
            y: (2.0, 1_000.0),
        };
        assert_eq!(panel.at((1_000.0, 1_000.0)), (0.0, 0.0));
        assert_eq!(panel.at((20_000.0, 2.0)), (WIDTH, HEIGHT));
    }
}
