#include "gateway/login_request.h"

namespace jindou::gateway {

LoginRequest LoginRequest::from(const codec::Connect& connect) {
  LoginRequest request;
  request.uid = connect.uid;
  request.token = connect.token;
  request.device_id = connect.device_id;
  request.client_key = connect.client_key;
  request.client_timestamp = connect.client_timestamp;
  request.device_flag = static_cast<DeviceFlag>(connect.device_flag);
  return request;
}

}  // namespace jindou::gateway
