use super::*;
use crate::Motif;

fn motif(rows: Vec<[f64; 4]>) -> Motif {
    Motif::from_probabilities("MA1", "A<\"&\u{1}>", Alphabet::Dna, rows, 20.0)
}

/// `(letter, top, bottom)` of each letter in px, in the order of drawing; upside-down letters have top > bottom.
fn letters(svg: &str) -> Vec<(char, f64, f64)> {
    svg.split("<use href=\"#bw-")
        .skip(1)
        .map(|part| {
            let letter = part.chars().next().unwrap();
            let numbers = part.split("matrix(").nth(1).unwrap().split(')').next().unwrap();
            let numbers: Vec<f64> = numbers.split(' ').map(|n| n.parse().unwrap()).collect();
            (letter, numbers[5], numbers[5] + 100.0 * numbers[3])
        })
        .collect()
}

fn bare() -> LogoOptions {
    LogoOptions { axes: false, height: 100.0, ..LogoOptions::default() }
}

#[test]
fn heights_are_bits_and_the_largest_is_on_top() {
    let svg = motif_svg(&motif(vec![[0.0, 0.25, 0.75, 0.0], [1.0, 0.0, 0.0, 0.0]]), &bare());
    let bits = 2.0 + 0.25 * 0.25_f64.log2() + 0.75 * 0.75_f64.log2();
    let drawn = letters(&svg);
    assert_eq!(drawn.iter().map(|l| l.0).collect::<String>(), "CGA");
    let height = |i: usize| drawn[i].2 - drawn[i].1;
    assert!((height(0) - 50.0 * bits * 0.25).abs() < 0.01 && (height(1) - 50.0 * bits * 0.75).abs() < 0.01);
    assert!((drawn[0].2 - 100.0).abs() < 0.01 && (drawn[1].2 - drawn[0].1).abs() < 0.02);
    assert_eq!((drawn[2].1, drawn[2].2), (0.0, 100.0));
}

#[test]
fn probabilities_fill_the_height_and_rna_shows_u() {
    let rna = Motif { alphabet: Alphabet::Rna, ..motif(vec![[0.1, 0.2, 0.3, 0.4]]) };
    let drawn = letters(&motif_svg(&rna, &LogoOptions { scale: LogoScale::Probability, ..bare() }));
    assert_eq!(drawn.iter().map(|l| l.0).collect::<String>(), "ACGU");
    assert!((drawn[0].2 - 100.0).abs() < 0.01 && drawn[3].1.abs() < 0.02);
}

#[test]
fn negative_letters_hang_upside_down() {
    let svg = track_svg(&[[1.0, 0.0, 0.0, -0.5], [0.0, -1.0, f64::NAN, 0.0]], &bare());
    let drawn = letters(&svg);
    assert_eq!(drawn.len(), 3);
    // The axis is in the middle of 100 px: T hangs from 50 to 75, A stands from 0 to 50, C hangs from 50 to 100.
    assert_eq!(drawn, [('T', 75.0, 50.0), ('A', 0.0, 50.0), ('C', 100.0, 50.0)]);
}

#[test]
fn a_given_range_cuts_letters_off() {
    let options = LogoOptions { y_range: Some((0.0, 1.0)), ..bare() };
    assert_eq!(letters(&track_svg(&[[2.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0]], &options)), [('A', 0.0, 100.0)]);
}

#[test]
fn flat_empty_and_strange_inputs_still_draw() {
    let strange = LogoOptions {
        column_width: f64::NAN,
        height: -1.0,
        start: i64::MIN,
        font_size: f64::NAN,
        ..LogoOptions::default()
    };
    let far = LogoOptions { start: i64::MAX, y_range: Some((f64::NAN, f64::INFINITY)), ..LogoOptions::track() };
    let pictures = [
        motif_svg(&motif(vec![]), &LogoOptions::default()),
        motif_svg(&motif(vec![[0.25; 4]; 3]), &LogoOptions::default()),
        motif_svg(&motif(vec![[0.7, 0.1, 0.1, 0.1]]), &strange),
        track_svg(&[], &LogoOptions::track()),
        track_svg(&[[0.0; 4]; 5], &LogoOptions::track()),
        track_svg(&[[1e-300; 4]; 5], &far),
        track_svg(&[[f64::MAX, -f64::MAX, f64::MAX, 0.0]], &LogoOptions::track()),
    ];
    for svg in pictures {
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(png(&svg, 1.0).unwrap().starts_with(b"\x89PNG"));
    }
}

#[test]
fn names_are_escaped_and_highlights_clipped() {
    let highlights = vec![
        Highlight { start: 1, end: 9, color: Some("\"/><script>".into()) },
        Highlight { start: 5, end: 2, color: None },
    ];
    let options = LogoOptions { highlights, title: Some("<b>".into()), ..LogoOptions::default() };
    let svg = motif_svg(&motif(vec![[0.7, 0.1, 0.1, 0.1]; 2]), &options);
    assert!(svg.contains("A&lt;&quot;&amp; &gt;") && !svg.contains("<script") && !svg.contains("<b>"));
    assert_eq!(svg.matches("<rect").count(), 1);
    assert!(png(&svg, 1.0).is_ok());
}

#[test]
fn fragments_leave_the_letters_to_the_page() {
    let m = motif(vec![[0.7, 0.1, 0.1, 0.1]]);
    let fragment = motif_svg(&m, &LogoOptions { fragment: true, ..LogoOptions::default() });
    assert!(!fragment.contains("<defs>") && !fragment.contains(" id="));
    assert!(motif_svg(&m, &LogoOptions::default()).contains("<defs>"));
    assert_eq!(glyph_defs().matches("<path id=").count(), 6);
    assert!(fragment.contains("viewBox=") && !fragment.contains("<text"));
}

#[test]
fn pictures_without_pixels_are_refused() {
    let svg = motif_svg(&motif(vec![[0.7, 0.1, 0.1, 0.1]]), &LogoOptions::default());
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e6] {
        assert!(matches!(png(&svg, scale), Err(PngError::Size { .. })), "{scale}");
    }
    assert!(matches!(png("no picture", 1.0), Err(PngError::Svg(_))));
}

fn decoded(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = ::png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.color_type, ::png::ColorType::Rgb);
    (info.width, info.height, pixels)
}

#[test]
fn pixels_are_those_of_the_svg() {
    let m = motif(vec![[0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 1.0, 0.0], [0.9, 0.1, 0.0, 0.0]]);
    let titled = LogoOptions {
        title: Some("MA1 ABC xyz \u{3b1}".into()),
        x_label: Some("position".into()),
        highlights: vec![
            Highlight { start: 0, end: 1, color: None },
            Highlight { start: 2, end: 3, color: Some("#0000ff".into()) },
        ],
        ..LogoOptions::default()
    };
    let track = [[0.5, 0.0, -0.2, 0.0], [0.0, -1.0, 0.0, 0.3], [0.1, 0.1, 0.1, 0.1]];
    let pairs = [1.0, 2.0, 0.7].into_iter().flat_map(|scale| {
        [
            (motif_png(&m, &titled, scale), png(&motif_svg(&m, &titled), scale)),
            (track_png(&track, &LogoOptions::track(), scale), png(&track_svg(&track, &LogoOptions::track()), scale)),
        ]
    });
    for (direct, by_svg) in pairs {
        let ((width, height, one), (w, h, other)) = (decoded(&direct.unwrap()), decoded(&by_svg.unwrap()));
        assert_eq!((width, height), (w, h));
        let difference =
            one.iter().zip(&other).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / one.len() as f64;
        // Places are rounded to a hundredth of a px in an SVG.
        assert!(difference < 1.0, "{difference}");
        assert!(one.iter().filter(|&&p| p < 250).count() > one.len() / 50);
    }
}

#[test]
fn direct_pictures_are_refused_like_others_and_strange_ones_drawn() {
    let flat = [[0.0; 4]; 2];
    for scale in [0.0, f32::NAN, 1e6] {
        assert!(matches!(track_png(&flat, &LogoOptions::track(), scale), Err(PngError::Size { .. })));
    }
    let strange = LogoOptions { y_range: Some((f64::NAN, f64::INFINITY)), start: i64::MAX, ..LogoOptions::track() };
    for heights in [vec![], vec![[f64::MAX, -f64::MAX, f64::NAN, 1e-300]]] {
        assert!(track_png(&heights, &strange, 1.0).unwrap().starts_with(b"\x89PNG"));
    }
}

#[test]
fn marks_stand_between_title_and_plot_in_rows_that_keep_names_apart() {
    let mark = |start, end, label: &str| Mark { start, end, label: label.into() };
    let rows = |marks: Vec<Mark>| {
        let options = LogoOptions { marks, ..LogoOptions::track() };
        let svg = track_svg(&[[1.0, 0.0, 0.0, 0.0]; 40], &options);
        let height = svg.split("height=\"").nth(1).unwrap().split('"').next().unwrap();
        let plain = track_svg(&[[1.0, 0.0, 0.0, 0.0]; 40], &LogoOptions::track());
        let without = plain.split("height=\"").nth(1).unwrap().split('"').next().unwrap();
        ((height.parse::<f64>().unwrap() - without.parse::<f64>().unwrap()) / 20.0).round()
    };
    assert_eq!(rows(vec![]), 0.0);
    assert_eq!(rows(vec![mark(0, 8, "CTCF +"), mark(20, 28, "SP1 -")]), 1.0);
    assert_eq!(rows(vec![mark(0, 8, "CTCF +"), mark(4, 12, "SP1 -")]), 2.0);
    // Names reach beyond their brackets: 3 positions are 24 px.
    assert_eq!(rows(vec![mark(10, 13, "MA0139.2.CTCF +"), mark(16, 19, "MA0861.2.TP73 -")]), 2.0);
    // The last positions of the plot, a mark cut off there, and two that are not on it.
    assert_eq!(rows(vec![mark(32, 40, "a"), mark(0, 0, "b"), mark(40, 48, "c")]), 1.0);
    assert_eq!(rows(vec![mark(36, 44, "a")]), 1.0);
}

#[test]
fn no_label_leaves_the_picture() {
    let long = "label 0.077 of a variant with a name".to_owned();
    let options = LogoOptions {
        title: Some(long.clone()),
        x_label: Some(format!("{long}, position")),
        y_label: Some(format!("{long} contribution")),
        marks: vec![Mark { start: 0, end: 1, label: long.clone() }],
        ..LogoOptions::track()
    };
    for (columns, axes) in [(0, true), (1, true), (3, true), (3, false), (100, true)] {
        let drawing = track_drawing(&vec![[1.0, 0.0, 0.0, -1.0]; columns], &LogoOptions { axes, ..options.clone() });
        for label in &drawing.labels {
            let [left, top, right, bottom] = label.extent();
            assert!(left >= 0.0 && top >= 0.0, "{columns} columns: {:?} begins at {left}, {top}", label.text);
            assert!(right <= drawing.width && bottom <= drawing.height, "{columns} columns: {:?} is cut", label.text);
        }
    }
    // Pictures with room enough stay as they are: 100 columns of 8 px, and the axis.
    let plain = track_drawing(&[[1.0, 0.0, 0.0, 0.0]; 100], &LogoOptions::track());
    let named = track_drawing(&[[1.0, 0.0, 0.0, 0.0]; 100], &LogoOptions { title: Some(long), ..LogoOptions::track() });
    assert_eq!(plain.width, named.width);
}
