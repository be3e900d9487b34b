//! Graphics cards through wgpu.

use super::{DeviceError, OpenedDevice};
use burn_tensor::wgpu::{WgpuBackend, wgpu};
use burn_tensor::{Device, DeviceKind, Tensor};
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Programming interfaces in order of preference. OpenGL is left out: nothing here is tested on it.
const APIS: [(wgpu::Backend, WgpuBackend); 3] = [
    (wgpu::Backend::Vulkan, WgpuBackend::Vulkan),
    (wgpu::Backend::Metal, WgpuBackend::Metal),
    (wgpu::Backend::Dx12, WgpuBackend::Dx12),
];

/// A device that a driver offers.
#[derive(Clone, Debug)]
pub(super) struct Adapter {
    pub(super) info: wgpu::AdapterInfo,
    kind: DeviceKind,
    api: WgpuBackend,
}

impl Adapter {
    /// Whether it computes on the CPU.
    fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }
}

/// What this process knows of its GPUs.
struct Known {
    /// The drivers were asked once: they take their time, and some talk.
    adapters: Option<Vec<Adapter>>,
    /// Devices by number: the runtime starts once for each.
    opened: BTreeMap<usize, OpenedDevice>,
}

/// The lock is also held while drivers are asked: Vulkan's loader does not bear that from several threads at once.
static KNOWN: Mutex<Known> = Mutex::new(Known { adapters: None, opened: BTreeMap::new() });

/// Runs `f` with the adapters and the opened devices.
fn with_known<T>(f: impl FnOnce(&[Adapter], &mut BTreeMap<usize, OpenedDevice>) -> T) -> T {
    // A panic in a driver leaves what is known as it was.
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let Known { adapters: all, opened } = &mut *known;
    f(all.get_or_insert_with(adapters), opened)
}

/// Opens the GPU of that number, or hands out what was opened before.
pub(super) fn open_gpu(index: usize) -> Result<OpenedDevice, DeviceError> {
    with_known(|adapters, opened| {
        if let Some(gpu) = opened.get(&index) {
            return Ok(gpu.clone());
        }
        let adapter = adapters.get(index).ok_or(match adapters.len() {
            0 => DeviceError::NoGpu,
            count => DeviceError::NoSuchGpu { index, count },
        })?;
        let description = describe(&adapter.info);
        let device = start(adapter).map_err(|message| DeviceError::Failed { gpu: description.clone(), message })?;
        let gpu = OpenedDevice { description, reason: "asked for".into(), device };
        opened.insert(index, gpu.clone());
        Ok(gpu)
    })
}

/// The best real graphics card, or why there is none to use.
pub(super) fn open_card() -> Result<OpenedDevice, String> {
    // Real cards come first, so there is none behind a software driver.
    let software = with_known(|adapters, _| adapters.first().filter(|a| a.is_software()).map(|a| a.info.name.clone()));
    if let Some(name) = software {
        return Err(format!("the only GPU is software ({name}), slower than the CPU; --device gpu takes it"));
    }
    open_gpu(0).map_err(|error| match error {
        DeviceError::NoGpu => "no GPU was found through Vulkan, Metal or DirectX 12".to_owned(),
        DeviceError::Failed { gpu, message } => format!("{gpu} could not be opened: {message}"),
        other => other.to_string(),
    })
}

/// What the drivers offer, the best first: discrete, integrated, virtual, software; of a kind in the drivers' order.
fn adapters() -> Vec<Adapter> {
    let found = catch_unwind(|| {
        let backends = APIS.iter().fold(wgpu::Backends::empty(), |all, &(backend, _)| all | backend.into());
        let descriptor =
            wgpu::InstanceDescriptor { backends, ..wgpu::InstanceDescriptor::new_without_display_handle() };
        let instance = wgpu::Instance::new(descriptor);
        at_once(instance.enumerate_adapters(backends)).unwrap_or_default().iter().map(wgpu::Adapter::get_info).collect()
    });
    // A driver that panics when it is asked is as good as none.
    rank(found.unwrap_or_default())
}

/// The adapters of one interface: the first with a real card, else the first with any. A card shows up under each
/// interface, and would be counted twice.
pub(super) fn rank(found: Vec<wgpu::AdapterInfo>) -> Vec<Adapter> {
    // Burn has no name for adapters of other kinds.
    let named = |info: &&wgpu::AdapterInfo| info.device_type != wgpu::DeviceType::Other;
    let under = |backend| found.iter().filter(named).filter(|info| info.backend == backend).collect::<Vec<_>>();
    let lists: Vec<_> = APIS.iter().map(|&(backend, api)| (api, under(backend))).collect();
    let real = |list: &[&wgpu::AdapterInfo]| list.iter().any(|info| info.device_type != wgpu::DeviceType::Cpu);
    let chosen = lists.iter().find(|(_, list)| real(list)).or_else(|| lists.iter().find(|(_, list)| !list.is_empty()));
    let Some((api, list)) = chosen else { return Vec::new() };
    let of = |kind, number: fn(usize) -> DeviceKind| {
        let same = list.iter().filter(move |info| info.device_type == kind);
        same.enumerate().map(move |(i, &info)| Adapter { info: info.clone(), kind: number(i), api: *api })
    };
    of(wgpu::DeviceType::DiscreteGpu, DeviceKind::DiscreteGpu)
        .chain(of(wgpu::DeviceType::IntegratedGpu, DeviceKind::IntegratedGpu))
        .chain(of(wgpu::DeviceType::VirtualGpu, DeviceKind::VirtualGpu))
        // Burn reaches only the first of the software devices.
        .chain(of(wgpu::DeviceType::Cpu, |_| DeviceKind::Cpu).take(1))
        .collect()
}

/// The adapter in words.
pub(super) fn describe(info: &wgpu::AdapterInfo) -> String {
    let (label, kind) = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => ("GPU", "discrete, "),
        wgpu::DeviceType::IntegratedGpu => ("GPU", "integrated, "),
        wgpu::DeviceType::VirtualGpu => ("GPU", "virtual, "),
        wgpu::DeviceType::Cpu => ("software GPU", ""),
        wgpu::DeviceType::Other => ("GPU", ""),
    };
    let api = match info.backend {
        wgpu::Backend::Vulkan => "Vulkan",
        wgpu::Backend::Metal => "Metal",
        wgpu::Backend::Dx12 => "DirectX 12",
        _ => "another interface",
    };
    let driver = match info.driver_info.trim() {
        "" => String::new(),
        version => format!(", driver {version}"),
    };
    format!("{label} {} ({kind}{api}{driver})", info.name.trim())
}

/// Starts Burn's runtime on the adapter and lets it compute a sum: the runtime compiles its first kernel only then, and
/// where a driver lacks something it panics instead of returning.
fn start(adapter: &Adapter) -> Result<Device, String> {
    let probe = catch_unwind(AssertUnwindSafe(|| {
        let options = Device::wgpu_options().device_kind(adapter.kind.clone()).graphics_api(adapter.api);
        let device = options.init().map_err(|error| error.to_string())?;
        let sum = Tensor::<1>::ones([4], &device).sum().try_into_scalar::<f32>().map_err(|error| error.to_string())?;
        if sum == 4.0 { Ok(device) } else { Err(format!("expected 1 + 1 + 1 + 1 = 4, found {sum}")) }
    }));
    probe.unwrap_or_else(|_| Err("its driver failed at the first sum".into()))
}

/// The result of a future that has nothing to wait for, as wgpu's are outside browsers.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}
