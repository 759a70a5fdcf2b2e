//! Curves of figures that grow, as SVG.

use std::ops::Range;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

/// A figure against what it was measured at, on logarithmic axes.
pub struct Plot<'a> {
    pub title: &'a str,
    pub across: &'a str,
    pub up: &'a str,
    pub points: &'a [(f64, f64)],
}

const WIDTH: u32 = 420;
const HEIGHT: u32 = 300;
const COLOUR: RGBColor = RGBColor(30, 100, 170);

/// Plots beside each other, as one picture.
pub fn draw(plots: &[Plot<'_>]) -> Result<String> {
    let mut svg = String::new();
    let count = u32::try_from(plots.len())?;
    let area = SVGBackend::with_string(&mut svg, (WIDTH * count, HEIGHT)).into_drawing_area();
    area.fill(&WHITE).map_err(undrawn)?;
    for (area, plot) in area.split_evenly((1, plots.len())).iter().zip(plots) {
        let across = decades(plot.points.iter().map(|(x, _)| *x));
        let up = decades(plot.points.iter().map(|(_, y)| *y));
        let mut chart = ChartBuilder::on(area)
            .caption(plot.title, ("sans-serif", 16))
            .margin(12)
            .margin_right(28)
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d(across.log_scale(), up.log_scale())
            .map_err(undrawn)?;
        chart
            .configure_mesh()
            .x_label_formatter(&short)
            .y_label_formatter(&short)
            .y_labels(5)
            .x_desc(plot.across)
            .y_desc(plot.up)
            .light_line_style(WHITE)
            .draw()
            .map_err(undrawn)?;
        let points = || plot.points.iter().copied();
        chart
            .draw_series(LineSeries::new(points(), COLOUR.stroke_width(2)))
            .map_err(undrawn)?;
        let dots = points().map(|point| Circle::new(point, 3, COLOUR.filled()));
        chart.draw_series(dots).map_err(undrawn)?;
    }
    area.present().map_err(undrawn)?;
    drop(area);
    Ok(svg)
}

/// The whole decades that some figures lie in.
fn decades(figures: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let least = figures.clone().fold(f64::INFINITY, f64::min);
    let greatest = figures.fold(f64::NEG_INFINITY, f64::max);
    10_f64.powf(least.log10().floor())..10_f64.powf(greatest.log10().ceil())
}

/// A number as short as it can be said: 10 k, 2 M.
fn short(number: &f64) -> String {
    match *number {
        number if number >= 1e6 => format!("{} M", number / 1e6),
        number if number >= 1e3 => format!("{} k", number / 1e3),
        number => number.to_string(),
    }
}

fn undrawn(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the plot cannot be drawn: {error}")
}
