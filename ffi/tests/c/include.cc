// The header is C++ as well.
#include <netpolicy.h>

#include <cstring>

int main() {
    netpolicy_cluster *cluster = netpolicy_cluster_new();
    netpolicy_pod pod{};
    pod.name = netpolicy_str_of("a");
    const netpolicy_image *image = nullptr;
    bool done = netpolicy_cluster_insert_pod(cluster, &pod) == NETPOLICY_RESULT_OK &&
                netpolicy_cluster_compile(cluster, nullptr, &image, nullptr) == NETPOLICY_RESULT_OK;
    done = done && netpolicy_image_pod_count(image) == 1;
    netpolicy_image_free(image);
    netpolicy_cluster_free(cluster);
    return done && std::strchr(netpolicy_version(), '.') != nullptr ? 0 : 1;
}
