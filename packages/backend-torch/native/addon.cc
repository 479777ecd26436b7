// A generic bridge from JavaScript to libtorch: tensors in and out, and one boxed call for every operator that the
// dispatcher knows. Arguments are converted by the operator's own schema, so there is no code for any single operator.
//
// A tensor is a number to JavaScript: generation * 2^24 + slot. A released slot gets a new generation, so an old number
// is recognised and refused. Shapes and dtypes of results go into one shared Int32Array instead of JavaScript objects,
// which keeps a call at about a microsecond on top of the operator.
#define NAPI_VERSION 8
#include <node_api.h>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <cstdint>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

constexpr double kSlots = 16777216.0;  // 2^24 tensors alive at once
constexpr uint32_t kGenerations = 1u << 28;
constexpr size_t kMaxArguments = 40;

// An error that JavaScript sees with a `code`.
struct Fault : std::runtime_error {
  const char* code;
  Fault(const char* code, const std::string& message) : std::runtime_error(message), code(code) {}
};

enum class Kind { Tensor, TensorList, OptionalTensorList, Int, IntList, Float, FloatList, Scalar, ScalarList, Bool, BoolList, String, Device, Other };

struct Parameter {
  Kind kind;
  bool optional;
  bool hasDefault;
  c10::IValue fallback;
  std::string name;
};

struct Operator {
  c10::OperatorHandle handle;
  std::string name;
  std::vector<Parameter> parameters;
  size_t returns;
  // Results that are the written argument itself (in-place operators) are not handed out a second time.
  bool inPlace;
};

struct Slot {
  at::Tensor tensor;
  uint32_t generation = 1;
};

struct State {
  std::vector<Slot> slots;
  std::vector<uint32_t> free;
  std::vector<Operator> operators;
  std::unordered_map<std::string, uint32_t> operatorIds;
  c10::Device device{c10::DeviceType::CPU};
  torch::jit::Stack stack;
  int64_t bytes = 0;
  napi_ref outReference = nullptr;
  int32_t* out = nullptr;
  size_t outLength = 0;
};

State& stateOf(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<State*>(data);
}

void check(napi_status status, const char* what) {
  if (status != napi_ok) throw Fault("TORCH_ARGUMENT", what);
}

std::string describe(const at::Tensor& t) {
  if (!t.defined()) return "none";
  std::ostringstream s;
  s << c10::toString(t.scalar_type()) << '[';
  for (int64_t i = 0; i < t.dim(); ++i) s << (i ? "," : "") << t.size(i);
  s << ']';
  if (!t.device().is_cpu()) s << '@' << t.device().str();
  return s.str();
}

double toNumber(napi_env env, napi_value v) {
  double d;
  check(napi_get_value_double(env, v, &d), "expected a number");
  return d;
}

int64_t toInteger(napi_env env, napi_value v) {
  const double d = toNumber(env, v);
  if (!(std::fabs(d) <= 9007199254740992.0) || d != std::floor(d)) throw Fault("TORCH_ARGUMENT", "expected an integer");
  return static_cast<int64_t>(d);
}

bool toBool(napi_env env, napi_value v) {
  bool b;
  check(napi_get_value_bool(env, v, &b), "expected a boolean");
  return b;
}

std::string toString(napi_env env, napi_value v) {
  size_t n = 0;
  check(napi_get_value_string_utf8(env, v, nullptr, 0, &n), "expected a string");
  std::string s(n, '\0');
  napi_get_value_string_utf8(env, v, &s[0], n + 1, &n);
  return s;
}

template <class F>
void each(napi_env env, napi_value list, F f) {
  uint32_t n = 0;
  check(napi_get_array_length(env, list, &n), "expected an array");
  for (uint32_t i = 0; i < n; ++i) {
    napi_value item;
    napi_get_element(env, list, i, &item);
    f(item);
  }
}

uint32_t slotOf(napi_env env, State& s, napi_value v) {
  double d;
  if (napi_get_value_double(env, v, &d) != napi_ok) throw Fault("TORCH_ARGUMENT", "expected a tensor");
  const double generation = std::floor(d / kSlots);
  const double slot = d - generation * kSlots;
  if (!(d >= kSlots) || slot != std::floor(slot) || slot >= s.slots.size() || s.slots[static_cast<size_t>(slot)].generation != generation ||
      !s.slots[static_cast<size_t>(slot)].tensor.defined())
    throw Fault("TORCH_HANDLE", "a tensor was used after it was released");
  return static_cast<uint32_t>(slot);
}

const at::Tensor& tensorOf(napi_env env, State& s, napi_value v) { return s.slots[slotOf(env, s, v)].tensor; }

bool isMissing(napi_env env, napi_value v, napi_valuetype* type) {
  napi_typeof(env, v, type);
  return *type == napi_undefined || *type == napi_null;
}

at::Scalar toScalar(napi_env env, napi_value v) {
  napi_valuetype type;
  napi_typeof(env, v, &type);
  if (type == napi_boolean) return at::Scalar(toBool(env, v));
  const double d = toNumber(env, v);
  // Whole numbers are integers to the operator, so that they do not promote an int32 tensor; -0 is not whole.
  if (d == std::floor(d) && std::fabs(d) < 9007199254740992.0 && !(d == 0 && std::signbit(d))) return at::Scalar(static_cast<int64_t>(d));
  return at::Scalar(d);
}

double keep(State& s, at::Tensor tensor) {
  uint32_t slot;
  if (s.free.empty()) {
    if (s.slots.size() >= kSlots) throw Fault("TORCH_MEMORY", "too many tensors");
    slot = static_cast<uint32_t>(s.slots.size());
    s.slots.emplace_back();
  } else {
    slot = s.free.back();
    s.free.pop_back();
  }
  s.bytes += static_cast<int64_t>(tensor.nbytes());
  s.slots[slot].tensor = std::move(tensor);
  return s.slots[slot].generation * kSlots + slot;
}

Kind kindOf(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType: return Kind::Tensor;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return Kind::Int;
    case c10::TypeKind::FloatType: return Kind::Float;
    case c10::TypeKind::NumberType: return Kind::Scalar;
    case c10::TypeKind::BoolType: return Kind::Bool;
    case c10::TypeKind::StringType: return Kind::String;
    case c10::TypeKind::DeviceObjType: return Kind::Device;
    case c10::TypeKind::ListType: {
      const auto& element = *type.containedType(0);
      if (element.kind() == c10::TypeKind::OptionalType)
        return element.containedType(0)->kind() == c10::TypeKind::TensorType ? Kind::OptionalTensorList : Kind::Other;
      switch (kindOf(element)) {
        case Kind::Tensor: return Kind::TensorList;
        case Kind::Int: return Kind::IntList;
        case Kind::Float: return Kind::FloatList;
        case Kind::Scalar: return Kind::ScalarList;
        case Kind::Bool: return Kind::BoolList;
        default: return Kind::Other;
      }
    }
    default: return Kind::Other;
  }
}

Operator makeOperator(const c10::OperatorHandle& handle, const std::string& name) {
  Operator op{handle, name, {}, handle.schema().returns().size(), false};
  for (const auto& argument : handle.schema().arguments()) {
    c10::TypePtr type = argument.type();
    const bool optional = type->kind() == c10::TypeKind::OptionalType;
    if (optional) type = type->containedType(0);
    Parameter p{kindOf(*type), optional, argument.default_value().has_value(), {}, argument.name()};
    if (p.hasDefault) p.fallback = *argument.default_value();
    op.parameters.push_back(std::move(p));
  }
  for (const auto& result : handle.schema().returns())
    if (result.alias_info() && result.alias_info()->isWrite()) op.inPlace = true;
  return op;
}

c10::IValue convert(napi_env env, State& s, const Parameter& p, napi_value v) {
  napi_valuetype type = napi_undefined;
  if (v == nullptr || isMissing(env, v, &type)) {
    if (p.kind == Kind::Device && p.optional && type == napi_undefined) return s.device;
    if (type == napi_undefined && p.hasDefault) return p.fallback;
    if (p.optional || p.kind == Kind::Tensor) {
      if (p.kind == Kind::Tensor && !p.optional) throw Fault("TORCH_ARGUMENT", "expected a tensor");
      return c10::IValue();
    }
    throw Fault("TORCH_ARGUMENT", "is required");
  }
  switch (p.kind) {
    case Kind::Tensor: return tensorOf(env, s, v);
    case Kind::Int: return toInteger(env, v);
    case Kind::Float: return toNumber(env, v);
    case Kind::Bool: return toBool(env, v);
    case Kind::Scalar: return toScalar(env, v);
    case Kind::String: return toString(env, v);
    case Kind::Device: return c10::Device(toString(env, v));
    case Kind::TensorList: {
      c10::List<at::Tensor> list;
      each(env, v, [&](napi_value item) { list.push_back(tensorOf(env, s, item)); });
      return list;
    }
    case Kind::OptionalTensorList: {
      c10::List<c10::optional<at::Tensor>> list;
      each(env, v, [&](napi_value item) {
        napi_valuetype itemType;
        if (isMissing(env, item, &itemType)) list.push_back(c10::optional<at::Tensor>());
        else list.push_back(c10::optional<at::Tensor>(tensorOf(env, s, item)));
      });
      return list;
    }
    case Kind::IntList: {
      c10::List<int64_t> list;
      each(env, v, [&](napi_value item) { list.push_back(toInteger(env, item)); });
      return list;
    }
    case Kind::FloatList: {
      c10::List<double> list;
      each(env, v, [&](napi_value item) { list.push_back(toNumber(env, item)); });
      return list;
    }
    case Kind::BoolList: {
      c10::List<bool> list;
      each(env, v, [&](napi_value item) { list.push_back(toBool(env, item)); });
      return list;
    }
    case Kind::ScalarList: {
      c10::impl::GenericList list(c10::NumberType::get());
      each(env, v, [&](napi_value item) { list.push_back(c10::IValue(toScalar(env, item))); });
      return list;
    }
    case Kind::Other: break;
  }
  throw Fault("TORCH_ARGUMENT", "has a type that JavaScript cannot give");
}

void fillStack(napi_env env, State& s, const Operator& op, const napi_value* values, size_t count) {
  if (count > op.parameters.size()) throw Fault("TORCH_ARGUMENT", "takes at most " + std::to_string(op.parameters.size()) + " arguments");
  s.stack.clear();
  for (size_t i = 0; i < op.parameters.size(); ++i) {
    try {
      s.stack.push_back(convert(env, s, op.parameters[i], i < count ? values[i] : nullptr));
    } catch (const Fault& fault) {
      throw Fault(fault.code, "argument " + op.parameters[i].name + ": " + fault.what());
    }
  }
}

// What the operator was called with, for the error text: made only when it is needed, because the call consumes its stack.
std::string describeCall(napi_env env, State& s, const Operator& op, const napi_value* values, size_t count) {
  std::ostringstream text;
  text << op.name << '(';
  for (size_t i = 0; i < op.parameters.size() && i < count; ++i) {
    text << (i ? ", " : "");
    try {
      const c10::IValue v = convert(env, s, op.parameters[i], values[i]);
      if (v.isTensor()) text << describe(v.toTensor());
      else if (v.isTensorList()) {
        text << '[';
        for (size_t k = 0; k < v.toTensorVector().size(); ++k) text << (k ? ", " : "") << describe(v.toTensorVector()[k]);
        text << ']';
      } else text << v;
    } catch (...) {
      text << '?';
    }
  }
  return text.str() + ")";
}

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
    napi_throw_error(env, "TORCH_ERROR", e.what_without_backtrace());
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

// call(id, ...arguments) -> a tensor number, a plain value, or an array of them; shapes are in the shared array.
napi_value call(napi_env env, State& s, const napi_value* v, size_t count) {
  const size_t id = static_cast<size_t>(toNumber(env, v[0]));
  if (id >= s.operators.size()) throw Fault("TORCH_ARGUMENT", "no such operator");
  const Operator& op = s.operators[id];
  try {
    fillStack(env, s, op, v + 1, count - 1);
    op.handle.callBoxed(s.stack);
  } catch (const Fault& e) {
    s.stack.clear();
    throw Fault(e.code, describeCall(env, s, op, v + 1, count - 1) + ": " + e.what());
  } catch (const c10::Error& e) {
    s.stack.clear();
    const std::string what = e.what_without_backtrace();
    const bool memory = what.find("out of memory") != std::string::npos || what.find("can't allocate memory") != std::string::npos;
    throw Fault(memory ? "TORCH_MEMORY" : "TORCH_OPERATOR", describeCall(env, s, op, v + 1, count - 1) + ": " + what);
  } catch (const std::exception& e) {
    s.stack.clear();
    throw Fault("TORCH_OPERATOR", describeCall(env, s, op, v + 1, count - 1) + ": " + e.what());
  }
  napi_value result = nullptr;
  Writer writer{s};
  if (op.inPlace || op.returns == 0) {
    result = undefined(env);
  } else if (s.stack.size() == 1) {
    result = toJs(env, s, writer, std::move(s.stack[0]));
  } else {
    napi_create_array_with_length(env, s.stack.size(), &result);
    for (size_t i = 0; i < s.stack.size(); ++i) napi_set_element(env, result, i, toJs(env, s, writer, std::move(s.stack[i])));
  }
  s.stack.clear();
  if (s.out) s.out[0] = writer.full ? -1 : writer.count;
  return result;
}

napi_value release(napi_env env, State& s, const napi_value* v, size_t count) {
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
  const at::Tensor host = at::from_blob(bytes ? data : static_cast<void*>(&s), sizes, at::TensorOptions(dtype));
  // Pinned memory lets the copy run beside the device's work; the caching allocator keeps it alive until the copy is done.
  at::Tensor t = s.device.is_cpu() ? host.clone() : host.pin_memory().to(s.device, /*non_blocking=*/true);
  napi_value result;
  napi_create_double(env, keep(s, std::move(t)), &result);
  return result;
}

// download(tensor) -> ArrayBuffer with its elements in row-major order.
napi_value download(napi_env env, State& s, const napi_value* v, size_t) {
  const at::Tensor t = tensorOf(env, s, v[0]);
  void* data = nullptr;
  napi_value buffer;
  if (napi_create_arraybuffer(env, t.nbytes(), &data, &buffer) != napi_ok) throw Fault("TORCH_MEMORY", "out of memory");
  if (t.nbytes()) at::from_blob(data, t.sizes(), at::TensorOptions(t.scalar_type())).copy_(t);
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

napi_value device(napi_env env, State& s, const napi_value* v, size_t count) {
  if (count) {
    const c10::Device wanted(toString(env, v[0]));
    if (wanted.is_cuda() && !at::hasCUDA()) throw Fault("TORCH_DEVICE", "this libtorch finds no CUDA device");
    s.device = wanted;
  }
  napi_value result;
  napi_create_string_utf8(env, s.device.str().c_str(), NAPI_AUTO_LENGTH, &result);
  return result;
}

napi_value hasCuda(napi_env env, State&, const napi_value*, size_t) {
  napi_value result;
  napi_get_boolean(env, at::hasCUDA(), &result);
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_set_instance_data(env, new State(), [](napi_env, void* data, void*) { delete static_cast<State*>(data); }, nullptr);
  const struct { const char* name; napi_callback callback; } entries[] = {
      {"operator", guarded<findOperator>}, {"schema", guarded<schema>}, {"call", guarded<call>},       {"release", guarded<release>},
      {"shape", guarded<shape>},           {"sole", guarded<sole>},     {"upload", guarded<upload>},   {"download", guarded<download>},
      {"share", guarded<share>},           {"memory", guarded<memory>}, {"threads", guarded<threads>}, {"seed", guarded<seed>},
      {"device", guarded<device>},         {"hasCuda", guarded<hasCuda>},
  };
  for (const auto& entry : entries) {
    napi_value function;
    napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.callback, nullptr, &function);
    napi_set_named_property(env, exports, entry.name, function);
  }
  return exports;
}
