use super::*;

#[test]
fn names_round_trip_and_others_are_refused() {
    for text in ["auto", "cpu", "gpu", "gpu:3"] {
        assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
    }
    for text in ["", "cuda", "gpu:", "gpu:-1", "GPU"] {
        assert!(text.parse::<DeviceChoice>().unwrap_err().to_string().contains("expected a device"), "{text}");
    }
}

#[test]
fn the_cpu_is_always_there_and_auto_says_what_it_chose() {
    assert!(open(DeviceChoice::Cpu).unwrap().description.starts_with("CPU ("));
    let chosen = open(DeviceChoice::Auto).unwrap();
    assert!(chosen.reason.starts_with("auto: "), "{}", chosen.reason);
    assert!(!chosen.description.starts_with("software"), "{}", chosen.description);
    assert!(devices()[0].starts_with("CPU ("));
}

#[test]
fn errors_of_devices_end_in_what_to_do() {
    let failed = DeviceError::Failed { gpu: "GPU A (Vulkan)".into(), message: "out of memory".into() };
    for error in [DeviceError::NotBuilt, DeviceError::NoGpu, failed] {
        assert!(error.to_string().ends_with("or use --device cpu"), "{error}");
    }
    let error = DeviceError::NoSuchGpu { index: 2, count: 1 };
    assert!(error.to_string().starts_with("expected a GPU from gpu:0 to gpu:0, found gpu:2"), "{error}");
}

#[cfg(not(feature = "gpu"))]
#[test]
fn a_gpu_that_was_not_built_in_is_an_error() {
    assert_eq!(open(DeviceChoice::Gpu(None)).unwrap_err(), DeviceError::NotBuilt);
    assert_eq!(open(DeviceChoice::Gpu(Some(1))).unwrap_err(), DeviceError::NotBuilt);
    assert_eq!(open(DeviceChoice::Auto).unwrap().reason, "auto: this build has no GPU support");
    assert!(devices()[1].starts_with("no GPU: this build"));
}
