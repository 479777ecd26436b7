// A generic bridge from JavaScript to libtorch: tensors in and out, and one boxed call for every operator that the
// dispatcher knows. Arguments are converted by the operator's own schema, so there is no code for any single operator.
//
// A tensor is a number to JavaScript: generation * 2^24 + slot. A released slot gets a new generation, so an old number
// is recognised and refused. Shapes and dtypes of results go into one shared Int32Array instead of JavaScript objects,
// which keeps a call at about a microsecond on top of the operator.
#include "arguments.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstring>
#include <limits>
#include <mutex>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

struct Writer {
  State& s;
  size_t at = 1;
  int32_t count = 0;
  bool full = false;
  void add(const at::Tensor& t) {
    const size_t need = 2 + static_cast<size_t>(t.dim());
    if (full || at + need > s.outLength) {
      full = true;
      return;
    }
    s.out[at++] = static_cast<int32_t>(t.scalar_type());
    s.out[at++] = static_cast<int32_t>(t.dim());
    for (const int64_t size : t.sizes()) s.out[at++] = static_cast<int32_t>(size);
    ++count;
  }
};

napi_value toJs(napi_env env, State& s, Writer& writer, c10::IValue&& v) {
  napi_value result = nullptr;
  if (v.isTensor()) {
    at::Tensor t = std::move(v).toTensor();
    if (!t.defined()) {
      napi_get_null(env, &result);
      return result;
    }
    writer.add(t);
    napi_create_double(env, keep(s, std::move(t)), &result);
  } else if (v.isTensorList()) {
    const auto list = v.toTensorVector();
    napi_create_array_with_length(env, list.size(), &result);
    for (size_t i = 0; i < list.size(); ++i) napi_set_element(env, result, i, toJs(env, s, writer, list[i]));
  } else if (v.isBool()) {
    napi_get_boolean(env, v.toBool(), &result);
  } else if (v.isInt()) {
    napi_create_double(env, static_cast<double>(v.toInt()), &result);
  } else if (v.isDouble()) {
    napi_create_double(env, v.toDouble(), &result);
  } else if (v.isString()) {
    napi_create_string_utf8(env, v.toStringRef().c_str(), NAPI_AUTO_LENGTH, &result);
  } else {
    napi_get_null(env, &result);
  }
  return result;
}

// Every entry from JavaScript goes through here: no C++ exception may cross into the engine.
using Entry = napi_value (*)(napi_env, State&, const napi_value*, size_t);
template <Entry entry>
napi_value guarded(napi_env env, napi_callback_info info) {
  size_t count = kMaxArguments;
  napi_value values[kMaxArguments];
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  try {
    if (count > kMaxArguments) throw Fault("TORCH_ARGUMENT", "too many arguments");
    c10::InferenceMode inference;
    return entry(env, stateOf(env), values, count);
  } catch (const Fault& e) {
    napi_throw_error(env, e.code, e.what());
  } catch (const c10::Error& e) {
    napi_throw_error(env, tellsOfMemory(e.what_without_backtrace()) ? "TORCH_MEMORY" : "TORCH_ERROR", e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, "TORCH_MEMORY", "out of memory");
  } catch (const std::exception& e) {
    napi_throw_error(env, "TORCH_ERROR", e.what());
  } catch (...) {
    napi_throw_error(env, "TORCH_ERROR", "unknown error");
  }
  return nullptr;
}

napi_value undefined(napi_env env) {
  napi_value v;
  napi_get_undefined(env, &v);
  return v;
}

// operator("aten::add", "Tensor") -> id, or undefined when this libtorch has no such operator.
napi_value findOperator(napi_env env, State& s, const napi_value* v, size_t) {
  const std::string name = toString(env, v[0]), overload = toString(env, v[1]);
  const std::string full = overload.empty() ? name : name + "." + overload;
  auto known = s.operatorIds.find(full);
  if (known == s.operatorIds.end()) {
    const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
    if (!handle) return undefined(env);
    s.operators.push_back(makeOperator(*handle, full));
    known = s.operatorIds.emplace(full, s.operators.size() - 1).first;
  }
  napi_value id;
  napi_create_uint32(env, known->second, &id);
  return id;
}

napi_value schema(napi_env env, State& s, const napi_value* v, size_t) {
  std::ostringstream text;
  text << s.operators.at(static_cast<size_t>(toInteger(env, v[0]))).handle.schema();
  napi_value result;
  napi_create_string_utf8(env, text.str().c_str(), NAPI_AUTO_LENGTH, &result);
  return result;
}

// Hands results out: one as it is, several as an array. Their dtypes and shapes are in the shared array.
napi_value handOut(napi_env env, State& s, std::vector<c10::IValue>& values) {
  napi_value result = nullptr;
  Writer writer{s};
  if (values.size() == 1) {
    result = toJs(env, s, writer, std::move(values[0]));
  } else {
    napi_create_array_with_length(env, values.size(), &result);
    for (size_t i = 0; i < values.size(); ++i) napi_set_element(env, result, i, toJs(env, s, writer, std::move(values[i])));
  }
  values.clear();
  if (s.out) s.out[0] = writer.full ? -1 : writer.count;
  return result;
}

// call(id, ...arguments) -> a tensor number, a plain value, or an array of them; shapes are in the shared array.
napi_value call(napi_env env, State& s, const napi_value* v, size_t count) {
  const size_t id = static_cast<size_t>(toNumber(env, v[0]));
  if (id >= s.operators.size()) throw Fault("TORCH_ARGUMENT", "no such operator");
  Operator& op = s.operators[id];
  callOperator(s, op, count - 1, [&](size_t i) { return convertNamed(env, s, op.parameters[i], i + 1 < count ? v[i + 1] : nullptr); });
  if (!op.inPlace && op.returns > 0) return handOut(env, s, s.stack);
  s.stack.clear();
  return undefined(env);
}

// sequence([[operator, from, what, from, what, ...], ...], [from, what, ...]) -> id. `from` 0: `what` is the argument itself; 1: the argument of the
// sequence with that number; 2, 3, ...: the first, second, ... result of the operator with that number in the sequence. Then the outputs, likewise.
napi_value sequence(napi_env env, State& s, const napi_value* v, size_t) {
  Sequence made;
  std::vector<size_t> first, lastUse;
  const auto resultAt = [&](int64_t from, napi_value what) {
    const size_t step = static_cast<size_t>(toInteger(env, what));
    const size_t index = first.at(step) + static_cast<size_t>(from - 2);
    lastUse.at(index) = made.steps.size();
    return index;
  };
  each(env, v[0], [&](napi_value item) {
    std::vector<napi_value> words;
    each(env, item, [&](napi_value word) { words.push_back(word); });
    Step step{static_cast<uint32_t>(toInteger(env, words.at(0))), {}, {}};
    const Operator& op = s.operators.at(step.op);
    checkCount(op, words.size() / 2);
    for (size_t i = 0; i < op.parameters.size(); ++i) {
      const Parameter& p = op.parameters[i];
      const bool absent = 2 * i + 2 >= words.size();
      const int64_t from = absent ? 0 : toInteger(env, words[2 * i + 1]);
      const napi_value what = absent ? nullptr : words[2 * i + 2];
      if (from > 1) step.sources.push_back({Source::Result, resultAt(from, what), {}});
      else if (from == 1) step.sources.push_back({Source::Given, static_cast<size_t>(toInteger(env, what)), {}});
      // A device that is not named is the one in use when the sequence runs.
      else if (absent && p.kind == Kind::Device) step.sources.push_back({Source::Given, kMaxArguments, {}});
      else step.sources.push_back({Source::Constant, 0, convertNamed(env, s, p, what)});
    }
    first.push_back(made.results);
    made.results += op.returns;
    lastUse.resize(made.results, made.steps.size());
    made.steps.push_back(std::move(step));
  });
  std::vector<napi_value> outputs;
  each(env, v[1], [&](napi_value word) { outputs.push_back(word); });
  for (size_t i = 0; i + 1 < outputs.size(); i += 2) made.outputs.push_back(resultAt(toInteger(env, outputs[i]), outputs[i + 1]));
  for (size_t i = 0; i < made.results; ++i)
    if (lastUse[i] < made.steps.size()) made.steps[lastUse[i]].spent.push_back(i);
  s.sequences.push_back(std::move(made));
  napi_value id;
  napi_create_uint32(env, s.sequences.size() - 1, &id);
  return id;
}

// run(sequence, ...arguments) -> as call, of the outputs.
napi_value run(napi_env env, State& s, const napi_value* v, size_t count) {
  const size_t id = static_cast<size_t>(toNumber(env, v[0]));
  if (id >= s.sequences.size()) throw Fault("TORCH_ARGUMENT", "no such sequence");
  const Sequence& sequence = s.sequences[id];
  std::vector<c10::IValue> results(sequence.results), outputs;
  size_t made = 0;
  for (const Step& step : sequence.steps) {
    Operator& op = s.operators[step.op];
    callOperator(s, op, step.sources.size(), [&](size_t i) -> c10::IValue {
      const Source& source = step.sources[i];
      if (source.from == Source::Constant) return source.constant;
      if (source.from == Source::Result) return results[source.index];
      return convertNamed(env, s, op.parameters[i], source.index + 1 < count ? v[source.index + 1] : nullptr);
    });
    for (c10::IValue& result : s.stack) results[made++] = std::move(result);
    s.stack.clear();
    const Stopwatch watch(op.spent, 0);
    for (const size_t i : step.spent) results[i] = c10::IValue();
  }
  for (const size_t i : sequence.outputs) outputs.push_back(results[i]);
  results.clear();
  return handOut(env, s, outputs);
}

napi_value release(napi_env env, State& s, const napi_value* v, size_t count) {
  const Stopwatch watch(s.releasing);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t slot = slotOf(env, s, v[i]);
    Slot& place = s.slots[slot];
    s.bytes -= static_cast<int64_t>(place.tensor.nbytes());
    place.tensor.reset();
    place.generation = place.generation + 1 < kGenerations ? place.generation + 1 : 1;
    s.free.push_back(slot);
  }
  return undefined(env);
}

// shape(tensor) -> [dtype, ...sizes]
napi_value shape(napi_env env, State& s, const napi_value* v, size_t) {
  const at::Tensor& t = tensorOf(env, s, v[0]);
  napi_value result, number;
  napi_create_array_with_length(env, t.dim() + 1, &result);
  napi_create_int32(env, static_cast<int32_t>(t.scalar_type()), &number);
  napi_set_element(env, result, 0, number);
  for (int64_t i = 0; i < t.dim(); ++i) {
    napi_create_double(env, static_cast<double>(t.size(i)), &number);
    napi_set_element(env, result, i + 1, number);
  }
  return result;
}

// sole(tensor) -> whether nothing else shares its memory, so that it may be written in place.
napi_value sole(napi_env env, State& s, const napi_value* v, size_t) {
  const at::Tensor& t = tensorOf(env, s, v[0]);
  napi_value result;
  napi_get_boolean(env, t.use_count() == 1 && t.storage().use_count() == 1 && t.is_contiguous(), &result);
  return result;
}

// tfjs makes a tensor of every constant: on a device, a number that goes along with a kernel is cheaper than memory to copy it from.
bool isConstant(const State& s, int64_t elements, c10::ScalarType dtype) {
  return !s.device.is_cpu() && elements == 1 && (dtype == c10::ScalarType::Float || dtype == c10::ScalarType::Int);
}

at::Tensor constant(const State& s, const void* data, const std::vector<int64_t>& sizes, c10::ScalarType dtype) {
  const at::Scalar value = dtype == c10::ScalarType::Float ? at::Scalar(*static_cast<const float*>(data)) : at::Scalar(*static_cast<const int32_t*>(data));
  return at::full(sizes, value, at::TensorOptions(dtype).device(s.device));
}

// upload(typedArray, shape, dtype) -> tensor on the chosen device. The array is copied: it may change afterwards.
napi_value upload(napi_env env, State& s, const napi_value* v, size_t) {
  void* data = nullptr;
  size_t bytes = 0, offset = 0, length = 0;
  napi_typedarray_type type;
  napi_value buffer;
  check(napi_get_typedarray_info(env, v[0], &type, &length, &data, &buffer, &offset), "expected a typed array");
  static const size_t widths[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  bytes = length * widths[type];
  std::vector<int64_t> sizes;
  int64_t elements = 1;
  each(env, v[1], [&](napi_value item) {
    sizes.push_back(toInteger(env, item));
    elements *= sizes.back();
  });
  const auto dtype = static_cast<c10::ScalarType>(toInteger(env, v[2]));
  if (static_cast<size_t>(elements) * c10::elementSize(dtype) != bytes) throw Fault("TORCH_ARGUMENT", "the array does not have the size of the shape");
  const Stopwatch watch(s.uploading);
  napi_value result;
  if (isConstant(s, elements, dtype)) {
    napi_create_double(env, keep(s, constant(s, data, sizes, dtype)), &result);
    return result;
  }
  const at::Tensor host = at::from_blob(bytes ? data : static_cast<void*>(&s), sizes, at::TensorOptions(dtype));
  // Pinned memory lets the copy run beside the device's work; the caching allocator keeps it alive until the copy is done.
  at::Tensor t = s.device.is_cpu() ? host.clone() : host.pin_memory().to(s.device, /*non_blocking=*/true);
  napi_create_double(env, keep(s, std::move(t)), &result);
  return result;
}

// download(tensor) -> ArrayBuffer with its elements in row-major order.
napi_value download(napi_env env, State& s, const napi_value* v, size_t) {
  const Stopwatch watch(s.downloading);
  const at::Tensor t = tensorOf(env, s, v[0]);
  void* data = nullptr;
  napi_value buffer;
  if (napi_create_arraybuffer(env, t.nbytes(), &data, &buffer) != napi_ok) throw Fault("TORCH_MEMORY", "out of memory");
  if (t.nbytes()) at::from_blob(data, t.sizes(), at::TensorOptions(t.scalar_type())).copy_(t);
  return buffer;
}

// queueRead(tensor) -> a number for takeRead. Queues the copy of a device's tensor behind the work on it; the tensor may be released at once.
napi_value queueRead(napi_env env, State& s, const napi_value* v, size_t) {
  const Stopwatch watch(s.downloading);
  const at::Tensor& t = tensorOf(env, s, v[0]);
  at::Tensor host = at::empty(t.sizes(), at::TensorOptions(t.scalar_type()).pinned_memory(true));
  host.copy_(t, /*non_blocking=*/true);
  c10::Event event(t.device().type());
  event.record(c10::impl::VirtualGuardImpl(t.device().type()).getStream(t.device()));
  s.reads.emplace(++s.lastRead, Read{std::move(host), std::move(event)});
  napi_value result;
  napi_create_double(env, static_cast<double>(s.lastRead), &result);
  return result;
}

// takeRead(number) -> ArrayBuffer as of download, or undefined while the copy is under way.
napi_value takeRead(napi_env env, State& s, const napi_value* v, size_t) {
  const auto found = s.reads.find(static_cast<uint64_t>(toInteger(env, v[0])));
  if (found == s.reads.end()) throw Fault("TORCH_ARGUMENT", "no such read");
  try {
    if (!found->second.event.query()) return undefined(env);
  } catch (...) {
    s.reads.erase(found);
    throw;
  }
  const at::Tensor host = std::move(found->second.host);
  s.reads.erase(found);
  void* data = nullptr;
  napi_value buffer;
  if (napi_create_arraybuffer(env, host.nbytes(), &data, &buffer) != napi_ok) throw Fault("TORCH_MEMORY", "out of memory");
  if (host.nbytes()) std::memcpy(data, host.data_ptr(), host.nbytes());
  return buffer;
}

napi_value share(napi_env env, State& s, const napi_value* v, size_t) {
  napi_typedarray_type type;
  void* data = nullptr;
  check(napi_get_typedarray_info(env, v[0], &type, &s.outLength, &data, nullptr, nullptr), "expected an Int32Array");
  if (type != napi_int32_array || s.outLength == 0) throw Fault("TORCH_ARGUMENT", "expected an Int32Array");
  if (s.outReference) napi_delete_reference(env, s.outReference);
  napi_create_reference(env, v[0], 1, &s.outReference);
  s.out = static_cast<int32_t*>(data);
  return undefined(env);
}

void set(napi_env env, napi_value object, const char* key, double number) {
  napi_value v;
  napi_create_double(env, number, &v);
  napi_set_named_property(env, object, key, v);
}

napi_value memory(napi_env env, State& s, const napi_value*, size_t) {
  napi_value result;
  napi_create_object(env, &result);
  set(env, result, "tensors", static_cast<double>(s.slots.size() - s.free.size()));
  set(env, result, "bytes", static_cast<double>(s.bytes));
  return result;
}

// profile() -> [name, calls, seconds inside libtorch, ...] since the process began; copies in and out and releases too.
napi_value profile(napi_env env, State& s, const napi_value*, size_t) {
  napi_value result, item;
  napi_create_array(env, &result);
  uint32_t at = 0;
  const auto tell = [&](const std::string& name, const Spent& spent) {
    napi_create_string_utf8(env, name.c_str(), NAPI_AUTO_LENGTH, &item);
    napi_set_element(env, result, at++, item);
    for (const double number : {static_cast<double>(spent.calls), std::chrono::duration<double>(spent.time).count()}) {
      napi_create_double(env, number, &item);
      napi_set_element(env, result, at++, item);
    }
  };
  for (const Operator& op : s.operators) tell(op.name, op.spent);
  tell("upload", s.uploading);
  tell("download", s.downloading);
  tell("release", s.releasing);
  return result;
}

napi_value threads(napi_env env, State&, const napi_value* v, size_t count) {
  if (count) at::set_num_threads(static_cast<int>(toInteger(env, v[0])));
  napi_value result;
  napi_create_int32(env, at::get_num_threads(), &result);
  return result;
}

napi_value seed(napi_env env, State& s, const napi_value* v, size_t) {
  auto generator = at::globalContext().defaultGenerator(s.device);
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(static_cast<uint64_t>(toInteger(env, v[0])));
  return undefined(env);
}

// The device of that name if it computes: an old driver, a card that this libtorch has no code for or whose memory others hold is found only by trying.
c10::Device proved(const std::string& name) {
  c10::Device wanted(name);
  if (wanted.is_cpu()) return wanted;
  if (!wanted.is_cuda()) throw Fault("TORCH_DEVICE", "the addon knows cpu and cuda");
  if (!at::hasCUDA()) throw Fault("TORCH_DEVICE", "this libtorch finds no CUDA device");
  if (!wanted.has_index()) wanted.set_index(0);
  const int devices = c10::impl::VirtualGuardImpl(wanted.type()).deviceCount();
  if (wanted.index() >= devices) throw Fault("TORCH_DEVICE", "libtorch finds " + std::to_string(devices) + " CUDA devices, counted from 0");
  at::ones({1}, at::TensorOptions(wanted)).item();
  return wanted;
}

napi_value device(napi_env env, State& s, const napi_value* v, size_t count) {
  if (count) s.device = proved(toString(env, v[0]));
  napi_value result;
  napi_create_string_utf8(env, s.device.str().c_str(), NAPI_AUTO_LENGTH, &result);
  return result;
}

napi_value hasCuda(napi_env env, State&, const napi_value*, size_t) {
  napi_value result;
  napi_get_boolean(env, at::hasCUDA(), &result);
  return result;
}

napi_value hasAvx512(napi_env env, State&, const napi_value*, size_t) {
  napi_value result;
#ifdef __x86_64__
  napi_get_boolean(env, __builtin_cpu_supports("avx512f"), &result);
#else
  napi_get_boolean(env, false, &result);
#endif
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
#ifdef __GLIBC__
  // A step makes and drops the same large tensors again and again. As glibc comes, each is mapped and handed back with all its pages to be
  // faulted in anew, a tenth of a step's time; so map none, and keep what there is for the next one.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 64 << 20);
#endif
  napi_set_instance_data(env, new State(), [](napi_env, void* data, void*) { delete static_cast<State*>(data); }, nullptr);
  const struct { const char* name; napi_callback callback; } entries[] = {
      {"operator", guarded<findOperator>}, {"schema", guarded<schema>}, {"call", guarded<call>},       {"release", guarded<release>},
      {"sequence", guarded<sequence>},     {"run", guarded<run>},
      {"shape", guarded<shape>},           {"sole", guarded<sole>},     {"upload", guarded<upload>},   {"download", guarded<download>},
      {"share", guarded<share>},           {"memory", guarded<memory>}, {"threads", guarded<threads>}, {"seed", guarded<seed>},
      {"device", guarded<device>},         {"hasCuda", guarded<hasCuda>},   {"profile", guarded<profile>}, {"queueRead", guarded<queueRead>},
      {"takeRead", guarded<takeRead>},     {"hasAvx512", guarded<hasAvx512>},
  };
  for (const auto& entry : entries) {
    napi_value function;
    napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.callback, nullptr, &function);
    napi_set_named_property(env, exports, entry.name, function);
  }
  return exports;
}
