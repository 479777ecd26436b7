// The state of the bridge, and the conversion of arguments by an operator's schema.
#pragma once
#define NAPI_VERSION 8
#include <node_api.h>

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/Event.h>

#include <chrono>
#include <cmath>
#include <cstdint>
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

// libtorch has no class for it on the host.
bool tellsOfMemory(const std::string& what) {
  return what.find("out of memory") != std::string::npos || what.find("can't allocate memory") != std::string::npos;
}

enum class Kind { Tensor, TensorList, OptionalTensorList, OptionalScalarList, Int, IntList, Float, FloatList, Scalar, ScalarList, Bool, BoolList, String, Device, Other };

struct Parameter {
  Kind kind;
  bool optional;
  bool hasDefault;
  c10::IValue fallback;
  std::string name;
};

// What profile() tells: calls so far, and the time inside libtorch (on CUDA: until the work was queued).
struct Spent {
  uint64_t calls = 0;
  std::chrono::nanoseconds time{0};
};

// Adds the time from here to the end of its scope.
class Stopwatch {
 public:
  explicit Stopwatch(Spent& spent, uint64_t calls = 1) : spent_(spent), calls_(calls), began_(std::chrono::steady_clock::now()) {}
  ~Stopwatch() {
    spent_.time += std::chrono::steady_clock::now() - began_;
    spent_.calls += calls_;
  }

 private:
  Spent& spent_;
  uint64_t calls_;
  std::chrono::steady_clock::time_point began_;
};

struct Operator {
  c10::OperatorHandle handle;
  std::string name;
  std::vector<Parameter> parameters;
  size_t returns;
  // Results that are the written argument itself (in-place operators) are not handed out a second time.
  bool inPlace;
  Spent spent;
};

// Where an argument of an operator in a sequence comes from: a constant, an argument of the sequence, or a result of an operator before.
struct Source {
  enum From { Constant, Given, Result } from;
  size_t index;
  c10::IValue constant;
};

struct Step {
  uint32_t op;
  std::vector<Source> sources;
  // Results that no operator after this one takes.
  std::vector<size_t> spent;
};

// Operators that are called one after another; what they pass on to each other never becomes a tensor of JavaScript.
struct Sequence {
  std::vector<Step> steps;
  std::vector<size_t> outputs;
  size_t results = 0;
};

struct Slot {
  at::Tensor tensor;
  uint32_t generation = 1;
};

// A copy to the host that is under way.
struct Read {
  at::Tensor host;
  c10::Event event;
};

struct State {
  std::vector<Slot> slots;
  std::vector<uint32_t> free;
  std::vector<Operator> operators;
  std::unordered_map<std::string, uint32_t> operatorIds;
  std::vector<Sequence> sequences;
  c10::Device device{c10::DeviceType::CPU};
  torch::jit::Stack stack;
  int64_t bytes = 0;
  Spent uploading, downloading, releasing;
  std::unordered_map<uint64_t, Read> reads;
  uint64_t lastRead = 0;
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

uint32_t slotOf(const State& s, double d) {
  const double generation = std::floor(d / kSlots);
  const double slot = d - generation * kSlots;
  if (!(d >= kSlots) || slot != std::floor(slot) || slot >= s.slots.size() || s.slots[static_cast<size_t>(slot)].generation != generation ||
      !s.slots[static_cast<size_t>(slot)].tensor.defined())
    throw Fault("TORCH_HANDLE", "a tensor was used after it was released");
  return static_cast<uint32_t>(slot);
}

uint32_t slotOf(napi_env env, const State& s, napi_value v) {
  double d;
  if (napi_get_value_double(env, v, &d) != napi_ok) throw Fault("TORCH_ARGUMENT", "expected a tensor");
  return slotOf(s, d);
}

const at::Tensor& tensorOf(napi_env env, const State& s, napi_value v) { return s.slots[slotOf(env, s, v)].tensor; }

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
      if (element.kind() == c10::TypeKind::OptionalType) switch (kindOf(*element.containedType(0))) {
          case Kind::Tensor: return Kind::OptionalTensorList;
          case Kind::Scalar: return Kind::OptionalScalarList;
          default: return Kind::Other;
        }
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
  // Most arguments are tensors.
  double number;
  if (p.kind == Kind::Tensor && v != nullptr && napi_get_value_double(env, v, &number) == napi_ok) return s.slots[slotOf(s, number)].tensor;
  napi_valuetype type = napi_undefined;
  if (v == nullptr || isMissing(env, v, &type)) {
    if (p.kind == Kind::Device && p.optional && type == napi_undefined) return s.device;
    if (type == napi_undefined && p.hasDefault) return p.fallback;
    if (p.optional) return c10::IValue();
    // Some gradients say "none" with an undefined tensor.
    if (p.kind == Kind::Tensor && type == napi_null) return at::Tensor();
    if (p.kind == Kind::Tensor) throw Fault("TORCH_ARGUMENT", "expected a tensor");
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
    case Kind::OptionalScalarList: {
      c10::impl::GenericList list(c10::OptionalType::create(c10::NumberType::get()));
      each(env, v, [&](napi_value item) {
        napi_valuetype itemType;
        list.push_back(isMissing(env, item, &itemType) ? c10::IValue() : c10::IValue(toScalar(env, item)));
      });
      return list;
    }
    case Kind::Other: break;
  }
  throw Fault("TORCH_ARGUMENT", "has a type that JavaScript cannot give");
}

c10::IValue convertNamed(napi_env env, State& s, const Parameter& p, napi_value v) {
  try {
    return convert(env, s, p, v);
  } catch (const Fault& fault) {
    throw Fault(fault.code, "argument " + p.name + ": " + fault.what());
  }
}

void checkCount(const Operator& op, size_t count) {
  if (count > op.parameters.size()) throw Fault("TORCH_ARGUMENT", "takes at most " + std::to_string(op.parameters.size()) + " arguments");
}

// What the operator was called with, for the error text: made only when it is needed, because the call consumes its stack.
template <class ArgumentAt>
std::string describeCall(const Operator& op, size_t count, ArgumentAt argumentAt) {
  std::ostringstream text;
  text << op.name << '(';
  for (size_t i = 0; i < op.parameters.size() && i < count; ++i) {
    text << (i ? ", " : "");
    try {
      const c10::IValue v = argumentAt(i);
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

// Calls an operator with the arguments that `argumentAt` gives, and leaves its results on the stack. An error names the operator with its arguments.
template <class ArgumentAt>
void callOperator(State& s, Operator& op, size_t count, ArgumentAt argumentAt) {
  try {
    checkCount(op, count);
    s.stack.clear();
    for (size_t i = 0; i < op.parameters.size(); ++i) s.stack.push_back(argumentAt(i));
    const Stopwatch watch(op.spent);
    op.handle.callBoxed(s.stack);
  } catch (const Fault& e) {
    s.stack.clear();
    throw Fault(e.code, describeCall(op, count, argumentAt) + ": " + e.what());
  } catch (const c10::Error& e) {
    s.stack.clear();
    const std::string what = e.what_without_backtrace();
    throw Fault(tellsOfMemory(what) ? "TORCH_MEMORY" : "TORCH_OPERATOR", describeCall(op, count, argumentAt) + ": " + what);
  } catch (const std::exception& e) {
    s.stack.clear();
    throw Fault("TORCH_OPERATOR", describeCall(op, count, argumentAt) + ": " + e.what());
  }
}

}  // namespace
