{
  "targets": [
    {
      "target_name": "ringfence",
      "sources": [
        "ring0/stub.S",
        "native/addon.cc",
        "native/call_sites.c",
        "native/context.c",
        "native/doorway.c",
        "native/file_area.c",
        "native/guarded_memory.c",
        "native/guest_clock.c",
        "native/guest_clock_binding.cc",
        "native/host_changes.cc",
        "native/host_descriptors.cc",
        "native/host_facts.c",
        "native/host_files.cc",
        "native/host_watch.cc",
        "native/interrupts.cc",
        "native/kvm.c",
        "native/kvm_context.cc",
        "native/kvm_ioctl.c",
        "native/kvm_machine.cc",
        "native/kvm_space.cc",
        "native/machine.c",
        "native/memory_file.cc",
        "native/open_file.cc",
        "native/page_table.c",
        "native/ptrace_binding.cc",
        "native/ptrace_context.c",
        "native/ptrace_fault.c",
        "native/ptrace_image.c",
        "native/ptrace_machine.cc",
        "native/ptrace_sigchld.c",
        "native/ptrace_stub.c",
        "native/ptrace_template.c",
        "native/self_test.c",
        "native/space_io.c",
        "native/stub.c",
        "native/table_pool.c",
        "native/trace_watchdog.cc",
        "native/vcpu.c",
        "native/vcpu_run.c",
        "native/vcpu_thread.cc",
        "native/vm_exit.c",
        "native/watchdog.c"
      ],
      "actions": [
        {
          "action_name": "link_vdso",
          "inputs": ["scripts/link-vdso.sh", "ring0/vdso.c", "ring0/vdso.lds", "ring0/clock_page.h"],
          "outputs": ["<(SHARED_INTERMEDIATE_DIR)/vdso_image.S"],
          "action": ["scripts/link-vdso.sh", "<(SHARED_INTERMEDIATE_DIR)"],
          "process_outputs_as_sources": 1
        }
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")", "ring0"],
      "defines": ["_GNU_SOURCE", "NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags": ["-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags_c": ["-std=c11"],
      "cflags_cc": ["-std=c++17"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++20"],
      "conditions": [["OS!='linux' or target_arch!='x64'", { "sources": [] }]]
    }
  ]
}
